/** A device, file or connection did not do what was asked. `code` is stable, the message is for a person. */
export class HardwareError extends Error {
  readonly code: string;

  constructor(code: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'HardwareError';
    this.code = code;
  }
}

/** `ENOSPC` and the like; undefined for what is not from the system. */
export function systemCodeOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) ? code : undefined;
}

/**
 * Writing failed for want of room, and may succeed later: no space, a quota, a limit on the size of a file. Not a disk that fails
 * (EIO) or one that may not be written (EROFS): these need a person, and nothing is certain of what is on them until it is read again.
 */
export function isNoRoom(error: unknown): boolean {
  const code = systemCodeOf(error);
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG';
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

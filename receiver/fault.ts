/** Exit statuses of every Carillon program. */
export const EXIT = { done: 0, failed: 1, usage: 2, refused: 3, incomplete: 4 } as const;

export type ReceiverErrorCode =
  | 'USAGE'
  | 'CONFIG'
  | 'STATE'
  | 'STATE_LOCKED'
  | 'STATE_READ'
  | 'NO_ROOM'
  | 'SLOT_READ'
  | 'INSTALLER'
  | 'SLOT_WRITE'
  | 'SLOT_VERIFY'
  | 'BOOT_SWITCH'
  | 'PACKAGE_UNREADABLE';

/** The device could not do what was asked. The message says what failed, what was left as it was, and what to try. */
export class ReceiverError extends Error {
  readonly code: ReceiverErrorCode;

  constructor(code: ReceiverErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'ReceiverError';
    this.code = code;
  }
}

/** Wrong options of a command. */
export function usage(message: string): ReceiverError {
  return new ReceiverError('USAGE', message);
}

/** The stable name of what went wrong, whoever threw it. */
export function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : 'UNKNOWN';
}

/** What a script learns from the end of a command that failed. */
export function exitOf(error: unknown): number {
  return USAGE_CODES.includes(codeOf(error)) ? EXIT.usage : EXIT.failed;
}

/** A recording that says less than is needed, or something else, is a matter of options. */
const USAGE_CODES: readonly string[] = ['USAGE', 'CONFIG', 'FILE_CONTRADICTS', 'FILE_FORMAT', 'FILE_RATE'];

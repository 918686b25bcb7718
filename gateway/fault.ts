/** Exit statuses of every Carillon program. */
export const EXIT = { done: 0, failed: 1, usage: 2, refused: 3, incomplete: 4 } as const;
export type ExitStatus = (typeof EXIT)[keyof typeof EXIT];

/** Why the gateway stops or does not start. The message says what failed, what was left unchanged and what to try. */
export class GatewayError extends Error {
  readonly code: string;
  readonly exitStatus: ExitStatus;

  constructor(code: string, message: string, exitStatus: ExitStatus = EXIT.failed, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'GatewayError';
    this.code = code;
    this.exitStatus = exitStatus;
  }
}

/** `ENOSPC` and the like; undefined for what is not from the system. */
export function systemCodeOf(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^E[A-Z0-9]+$/.test(code) ? code : undefined;
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

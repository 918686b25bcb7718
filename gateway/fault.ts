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

/** What is wrong with the configuration. */
export function configFault(message: string): GatewayError {
  return new GatewayError('CONFIG', message, EXIT.usage);
}

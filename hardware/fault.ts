/** A device, file or connection did not do what was asked. `code` is stable, the message is for a person. */
export class HardwareError extends Error {
  readonly code: string;

  constructor(code: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'HardwareError';
    this.code = code;
  }
}

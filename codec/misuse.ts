/** A mistake of the caller of `codec`: a wrong argument, never a wrong byte off the air. */
export class MisuseError extends Error {
  readonly code: string;

  constructor(code: string, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'MisuseError';
    this.code = code;
  }
}

export type ReceiverErrorCode =
  | 'CONFIG'
  | 'STATE'
  | 'STATE_LOCKED'
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

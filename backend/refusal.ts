/**
 * Everything the backend answers with 4xx or 5xx on purpose: a stable code, the status, and a sentence that says what is
 * wrong, what was left unchanged and what to try.
 */
const STATUS = {
  'not-found': 404,
  'bad-request': 400,
  'not-multipart': 415,
  'unsupported-media-type': 415,
  'too-many-requests': 429,
  'token-missing': 401,
  'token-unknown': 401,
  'token-expired': 401,
  'token-revoked': 401,
  'role-not-allowed': 403,
  'device-type-unknown': 422,
  'device-type-exists': 409,
  'file-missing': 422,
  'file-empty': 422,
  'file-not-a-file': 422,
  'file-twice': 422,
  'file-too-large': 413,
  'file-larger-than-slot': 413,
  'upload-truncated': 400,
  'sha256-mismatch': 422,
  'version-exists': 409,
  'deadline-before-schedule': 422,
  'schedule-in-past': 422,
  'deadline-in-past': 422,
  'time-not-understood': 422,
  'gateway-unknown': 422,
  'base-unknown': 422,
  'delta-impossible': 422,
  'field-unknown': 422,
  'field-invalid': 422,
  'package-too-large': 422,
  'update-withdrawn': 409,
  'update-not-ready': 409,
  'job-ended': 409,
  'cursor-invalid': 400,
  'disk-full': 507,
  busy: 503,
  internal: 500,
} as const;

export type RefusalCode = keyof typeof STATUS;

export class Refusal extends Error {
  readonly code: RefusalCode;
  readonly status: number;

  constructor(code: RefusalCode, sentence: string, cause?: unknown) {
    super(sentence, cause === undefined ? undefined : { cause });
    this.name = 'Refusal';
    this.code = code;
    this.status = STATUS[code];
  }
}

/** A command of the backend that can't be carried out; `exitStatus` follows the habits in the style guide. */
/** 130 and 143: ended by SIGINT or SIGTERM, as shells count. */
type ExitStatus = 1 | 2 | 3 | 130 | 143;

export class CommandError extends Error {
  readonly exitStatus: ExitStatus;

  constructor(sentence: string, exitStatus: ExitStatus = 1, cause?: unknown) {
    super(sentence, cause === undefined ? undefined : { cause });
    this.name = 'CommandError';
    this.exitStatus = exitStatus;
  }
}

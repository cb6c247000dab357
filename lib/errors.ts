// The one error class of the package. A code tells programs what went wrong, the message tells people.

/** Stable codes: programs may compare them, so a code never changes its meaning. */
export type MgErrorCode =
  | 'ERR_MG_ARGUMENT' | 'ERR_MG_SHAPE' | 'ERR_MG_DTYPE' | 'ERR_MG_DEVICE' | 'ERR_MG_DISPOSED' | 'ERR_MG_NO_BINARY'
  | 'ERR_MG_NO_DEVICE' | 'ERR_MG_MEMORY' | 'ERR_MG_CUDA' | 'ERR_MG_NON_FINITE' | 'ERR_MG_CHECKPOINT' | 'ERR_MG_CONFIG';

/** What an error may carry beside its message. */
export interface MgErrorDetails {
  op?: string;
  expected?: unknown;
  got?: unknown;
  device?: string;
  cause?: unknown;
}

/** Every fault this package reports. `cause` holds the system's own error where there is one. */
export class MgError extends Error {
  readonly code: MgErrorCode;
  readonly op?: string;
  readonly expected?: unknown;
  readonly got?: unknown;
  readonly device?: string;

  constructor(code: MgErrorCode, message: string, details: MgErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'MgError';
    this.code = code;
    if (details.op !== undefined) this.op = details.op;
    if ('expected' in details) this.expected = details.expected;
    if ('got' in details) this.got = details.got;
    if (details.device !== undefined) this.device = details.device;
  }
}

/** The one error class of the library and its codes. */

export type MgErrorCode =
  | 'ERR_MG_ARGUMENT'
  | 'ERR_MG_SHAPE'
  | 'ERR_MG_DTYPE'
  | 'ERR_MG_DEVICE'
  | 'ERR_MG_DISPOSED'
  | 'ERR_MG_NO_BINARY'
  | 'ERR_MG_NO_DEVICE'
  | 'ERR_MG_MEMORY'
  | 'ERR_MG_CUDA'
  | 'ERR_MG_NON_FINITE'
  | 'ERR_MG_CHECKPOINT'
  | 'ERR_MG_CONFIG';

export interface MgErrorDetails {
  op?: string;
  expected?: unknown;
  got?: unknown;
  device?: string;
  cause?: unknown;
}

/**
 * Every fault this library reports. `code` is stable; the message reads `name: expected X, got Y; remedy`.
 * Errors found by the native code are of this class too.
 */
export class MgError extends Error {
  override readonly name = 'MgError';
  readonly code: MgErrorCode;
  readonly op?: string;
  readonly expected?: unknown;
  readonly got?: unknown;
  readonly device?: string;

  constructor(code: MgErrorCode, message: string, details: MgErrorDetails = {}) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined);
    this.code = code;
    if (details.op !== undefined) this.op = details.op;
    if ('expected' in details) this.expected = details.expected;
    if ('got' in details) this.got = details.got;
    if (details.device !== undefined) this.device = details.device;
  }
}

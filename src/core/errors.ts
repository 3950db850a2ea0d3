/** Every way in which a caller can be stopped. The words are part of the API: they are the `code` of a problem answer. */
export type ErrorCode =
  | 'malformed_body'
  | 'invalid_request'
  | 'unknown_field'
  | 'unknown_task'
  | 'unknown_queue'
  | 'unauthenticated'
  | 'forbidden'
  | 'not_found'
  | 'execution_not_found'
  | 'no_logs'
  | 'method_not_allowed'
  | 'not_executable'
  | 'not_cancellable'
  | 'not_retriable'
  | 'not_deletable'
  | 'not_finished'
  | 'execution_failed'
  | 'attempt_stale'
  | 'unique_key_taken'
  | 'idempotency_key_reused'
  | 'execution_purged'
  | 'body_too_large'
  | 'unsupported_media_type'
  | 'digest_only'
  | 'result_unavailable'
  | 'at_capacity'
  | 'database_unavailable'
  | 'ray_unavailable'
  | 'ray_refused'
  | 'store_unavailable'
  | 'oidc_unavailable'
  | 'misconfigured'
  | 'internal';

export interface ErrorDetail {
  /** The dotted path of the field to blame, as the caller wrote it: `tasks.3.priority`. */
  readonly field?: string | undefined;
  /** How soon it is worth asking again, for the retryable codes. */
  readonly retryAfterSeconds?: number | undefined;
  /** Further members of a problem answer, such as the id of a purged execution. */
  readonly members?: Readonly<Record<string, unknown>> | undefined;
  readonly cause?: unknown;
}

/** Thrown only when the caller cannot go on. "Nothing to claim" and "lease lost" are answers, and are returned. */
export class MobulaError extends Error {
  override readonly name = 'MobulaError';
  readonly code: ErrorCode;
  readonly detail: ErrorDetail;

  constructor(code: ErrorCode, message: string, detail: ErrorDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.code = code;
    this.detail = detail;
  }
}

/** Also the answer for a malformed id and for one the caller may not see: we never tell them apart. */
export const executionNotFound = () => new MobulaError('execution_not_found', 'There is no such execution.');

/** What the request says is understood and wrong; `field` is what to mend. */
export const invalid = (field: string | undefined, message: string, code: ErrorCode = 'invalid_request') =>
  new MobulaError(code, message, { field });

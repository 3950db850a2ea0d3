import { type ErrorCode, MobulaError } from '../core/errors.ts';
import type { Log } from '../core/observe.ts';
import { failureText } from './failure-text.ts';
import { type RawMember, rawObject } from './json-answer.ts';

/** The only place where a failure becomes a number; a code without a status does not compile. */
export const statusOfCode = {
  malformed_body: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  execution_not_found: 404,
  no_logs: 404,
  method_not_allowed: 405,
  not_executable: 409,
  not_cancellable: 409,
  not_retriable: 409,
  not_deletable: 409,
  not_finished: 409,
  execution_failed: 409,
  attempt_stale: 409,
  unique_key_taken: 409,
  execution_purged: 410,
  digest_only: 410,
  body_too_large: 413,
  unsupported_media_type: 415,
  invalid_request: 422,
  unknown_field: 422,
  unknown_task: 422,
  unknown_queue: 422,
  idempotency_key_reused: 422,
  internal: 500,
  misconfigured: 500,
  at_capacity: 503,
  result_unavailable: 503,
  database_unavailable: 503,
  ray_unavailable: 503,
  ray_refused: 503,
  store_unavailable: 503,
  oidc_unavailable: 503,
} as const satisfies Record<ErrorCode, number>;

const titles: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  409: 'Conflict',
  410: 'Gone',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  422: 'Unprocessable Content',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

const retryAfterSeconds = 5;
const fieldLength = 200;

export interface Problem {
  readonly code: ErrorCode;
  readonly detail: string;
  /** The code's own, unless said. */
  readonly status?: number;
  readonly field?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** Further members, as JSON text: `task`, where a call that failed its caller still has one to show. */
  readonly members?: readonly RawMember[];
}

/** An RFC 9457 answer. Its `type` is `about:blank`, so the title is the status's; `code` is what a program reads. */
export function problemAnswer({ code, detail, status = statusOfCode[code], ...rest }: Problem): Response {
  const members: RawMember[] = [
    ['type', '"about:blank"'],
    ['title', JSON.stringify(titles[status] ?? 'Error')],
    ['status', String(status)],
    ['code', JSON.stringify(code)],
    ['detail', JSON.stringify(detail)],
  ];
  // A field is named by its caller: bounded, so that a hostile name is not sent back whole.
  if (rest.field) members.push(['field', JSON.stringify(rest.field.slice(0, fieldLength))]);
  const headers = { 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...rest.headers };
  return new Response(rawObject([...members, ...(rest.members ?? [])]), { status, headers });
}

/** Words any failure for the caller, who learns nothing of one that is not ours; the log learns all of it. */
export function problem(error: unknown, request: Request, log: Log): Response {
  const known = error instanceof MobulaError ? error : new MobulaError('internal', '', { cause: error });
  const status = statusOfCode[known.code];
  if (status >= 500) {
    const { method, url } = request;
    const level = status === 500 ? 'error' : 'warn';
    log(level, 'request_failed', { method, path: new URL(url).pathname, code: known.code, error: failureText(error) });
  }
  return problemAnswer({
    code: known.code,
    detail: known.code === 'internal' ? 'Something went wrong on our side.' : known.message,
    field: known.detail.field,
    headers: headersOf(known),
    members: Object.entries(known.detail.members ?? {}).map(([key, value]) => [key, JSON.stringify(value ?? null)]),
  });
}

function headersOf({ code, detail }: MobulaError): Record<string, string> {
  const status = statusOfCode[code];
  if (status === 401) return { 'www-authenticate': 'Bearer' };
  // What Ray has refused it refuses again: no word of when to come back, unless the thrower has one.
  const seconds = detail.retryAfterSeconds ?? (status === 503 && code !== 'ray_refused' ? retryAfterSeconds : null);
  return seconds === null ? {} : { 'retry-after': String(Math.max(1, Math.ceil(seconds))) };
}

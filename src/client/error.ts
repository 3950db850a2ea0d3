/** Why a call could not go on: `code` is what a program reads, the message is for people. */
export class MobulaClientError extends Error {
  override readonly name = 'MobulaClientError';
  /** The code of the problem answer; `unreachable` where none came, `unexpected_answer` where it was none of Mobula's. */
  readonly code: string;
  /** The HTTP status; 0 where no answer came. */
  readonly status: number;
  /** The dotted path of the field to blame, as it went over the wire: `input.a`. */
  readonly field: string | null;
  /** All that the problem answer said, such as the `id` of a purged execution or the `reason` of a lost result. */
  readonly problem: Readonly<Record<string, unknown>>;
  /** How soon the server thinks it worth asking again. */
  readonly retryAfterSeconds: number | null;

  constructor(status: number, problem: Readonly<Record<string, unknown>>, detail: ErrorDetail = {}) {
    super(String(problem['detail'] ?? `The server answered HTTP ${status}.`), detail);
    this.code = String(problem['code'] ?? 'unexpected_answer');
    this.status = status;
    this.field = typeof problem['field'] === 'string' ? problem['field'] : null;
    this.problem = problem;
    this.retryAfterSeconds = detail.retryAfterSeconds ?? null;
  }
}

interface ErrorDetail {
  readonly cause?: unknown;
  readonly retryAfterSeconds?: number | null;
}

/** Whether the same call may well succeed in a moment. A result that cannot be read has been tried again by the server. */
export const isPassing = ({ status, code }: MobulaClientError): boolean =>
  [0, 429, 502, 503, 504].includes(status) && code !== 'result_unavailable';

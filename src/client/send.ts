import { isPassing, MobulaClientError } from './error.ts';
import { jittered, pause } from './pause.ts';

/** Where Mobula is, and how it is reached. */
export interface Server {
  readonly baseUrl: string;
  readonly token: string | undefined;
  readonly fetch: typeof fetch | undefined;
}

export interface Call {
  readonly path: string;
  /** Sent as JSON; without one the call is a GET. */
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  /** Goes before the client's own token. */
  readonly token?: string | null | undefined;
  readonly signal?: AbortSignal | undefined;
  /** How long an answer may take, to its last byte. */
  readonly timeoutMs?: number;
  /** How often it is asked before a failure that may pass is the caller's. */
  readonly tries?: number;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

const defaultTries = 5;
const defaultTimeoutMs = 30_000;
const firstBackoffMs = 500;
const longestBackoffMs = 10_000;
/** A server that asks for more patience than this is asked again all the same. */
const longestPauseMs = 60_000;

/**
 * Calls the server until it answers, and gives its answer where that is a success or a 304; anything else is a
 * `MobulaClientError`. What may pass (no answer, 429, 502, 503, 504) is tried again: after what `Retry-After` says, else
 * after pauses that double, both with jitter. So every call made here has to be safe to repeat.
 */
export async function send(server: Server, call: Call): Promise<Answer> {
  const { signal, tries = defaultTries } = call;
  for (let failures = 1; ; failures += 1) {
    const answer = await ask(server, call);
    if (!(answer instanceof MobulaClientError)) return answer;
    if (!isPassing(answer) || failures >= tries) throw answer;
    await pause(pauseMs(answer, failures), signal);
  }
}

function pauseMs({ retryAfterSeconds }: MobulaClientError, failures: number): number {
  if (retryAfterSeconds !== null) return jittered(Math.min(longestPauseMs, retryAfterSeconds * 1_000));
  return jittered(Math.min(longestBackoffMs, firstBackoffMs * 2 ** (failures - 1)));
}

async function ask(server: Server, call: Call): Promise<Answer | MobulaClientError> {
  // Called bare: a browser's fetch refuses to be a method of anything but its window.
  const { fetch = globalThis.fetch } = server;
  const request = toRequest(server, call);
  try {
    const response = await fetch(server.baseUrl + call.path, request);
    const { status, headers } = response;
    const answer = { status, headers, text: await response.text() };
    return status === 304 || (response.ok && isJson(headers)) ? answer : toError(answer);
  } catch (cause) {
    call.signal?.throwIfAborted();
    return new MobulaClientError(0, { code: 'unreachable', detail: 'The server cannot be reached.' }, { cause });
  }
}

/** Whatever else answers 200 at a wrong address, a single-page app for one, does so in HTML. */
const isJson = (headers: Headers): boolean => /json/.test(headers.get('content-type') ?? '');

function toRequest(
  server: Server,
  { body, headers, signal, timeoutMs = defaultTimeoutMs, ...call }: Call,
): RequestInit {
  const token = call.token ?? server.token;
  const timeout = AbortSignal.timeout(timeoutMs);
  return {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      ...(token && { authorization: `Bearer ${token}` }),
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
    signal: signal ? AbortSignal.any([signal, timeout]) : timeout,
  };
}

function toError({ status, headers, text }: Answer): MobulaClientError {
  const isProblem = headers.get('content-type')?.startsWith('application/problem+json');
  const retryAfter = Number(headers.get('retry-after') ?? Number.NaN);
  const retryAfterSeconds = retryAfter >= 0 ? retryAfter : null;
  return new MobulaClientError(status, isProblem ? JSON.parse(text) : {}, { retryAfterSeconds });
}

import type { State } from '../../src/core/execution.ts';
import { parseExact } from '../../src/core/json-text.ts';

/** What the demo reads of the task object. */
export interface Task {
  readonly id: string;
  readonly task: string;
  readonly state: State;
  readonly attempt: number;
  readonly max_attempts: number;
  readonly result?: unknown;
  readonly result_state: string;
  readonly result_reference?: string | null;
  readonly result_bytes: number | null;
  readonly result_sha256: string | null;
  readonly error: { readonly type: string; readonly message: string; readonly traceback?: string } | null;
  readonly progress: unknown;
  readonly poll_after_ms: number | null;
  readonly attempts?: readonly Attempt[];
}

export interface Attempt {
  readonly attempt: number;
  readonly state: string;
  readonly ray_job_id: string | null;
  readonly error: { readonly type: string; readonly message: string } | null;
}

export interface Enqueued {
  readonly task: Task;
  readonly status_token: string;
}

export interface RunAnswer {
  readonly processed: number;
  readonly tasks: readonly { readonly id: string; readonly task: string }[];
  readonly submitted: number;
  readonly completed: number;
  readonly retried: number;
  readonly recovered: number;
  readonly ray: string;
}

/** The tokens of the four scopes, as a deployment's settings would name them. */
export interface Tokens {
  readonly enqueue: string;
  readonly trigger: string;
  readonly read: string;
  readonly admin: string;
}

export interface Api {
  readonly url: string;
  readonly tokens: Tokens;
  /** As a web application would. */
  enqueue(wish: object): Promise<Enqueued>;
  /** As a cron line would. */
  run(): Promise<RunAnswer>;
  /**
   * As a front end would, with the token it was given: the task when it differs from what `etag` stands for, or is final;
   * null where `seconds` pass without that.
   */
  status(enqueued: Enqueued, etag: string | null, seconds: number): Promise<{ task: Task; etag: string } | null>;
  result(enqueued: Enqueued): Promise<Uint8Array>;
  /** As an operator would: with all attempts. */
  execution(id: string): Promise<Task>;
}

/** The app's HTTP API with everybody's tokens. A call that is refused throws what the app said; so does an abort. */
export function callApi(url: string, tokens: Tokens, abort: AbortSignal): Api {
  async function call(token: string, path: string, options: RequestInit = {}): Promise<Response> {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...options.headers };
    const response = await fetch(`${url}${path}`, { ...options, headers, signal: abort });
    if (response.ok || response.status === 304) return response;
    throw new Error(`${options.method ?? 'GET'} ${path} answered ${response.status}: ${await response.text()}`);
  }
  const post = (token: string, path: string, body: object) =>
    call(token, path, { method: 'POST', body: JSON.stringify(body) });

  return {
    url,
    tokens,
    enqueue: async (wish) => read<Enqueued>(await post(tokens.enqueue, '/tasks', wish)),
    run: async () => read<RunAnswer>(await post(tokens.trigger, '/run', {})),
    async status({ task, status_token }, etag, seconds) {
      const headers = etag === null ? {} : { 'if-none-match': etag };
      const response = await call(status_token, `/status/${task.id}?wait=${seconds}`, { headers });
      if (response.status === 304) return null;
      return { ...(await read<{ task: Task }>(response)), etag: response.headers.get('etag') ?? '' };
    },
    async result({ task, status_token }) {
      const response = await call(status_token, `/executions/${task.id}/result`);
      return new Uint8Array(await response.arrayBuffer());
    },
    execution: async (id) => (await read<{ task: Task }>(await call(tokens.read, `/executions/${id}`))).task,
  };
}

/** Integers that a double cannot hold come as bigint. */
const read = async <T>(response: Response): Promise<T> => parseExact(await response.text()) as T;

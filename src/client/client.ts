import { type Execution, toExecution } from './execution.ts';
import { toSnakeCase } from './names.ts';
import { type Answer, type Server, send } from './send.ts';
import type { InputIn, NameIn, OutputIn, UnknownTasks } from './task-types.ts';
import { type LookOptions, type Sight, type WaitOptions, waitUntilFinal } from './wait.ts';

export { MobulaClientError } from './error.ts';
export type { Execution, State } from './execution.ts';
export type { WaitOptions } from './wait.ts';

export interface ClientOptions {
  /** Where the app is mounted; in a browser a path will do. */
  readonly baseUrl: string;
  /** A bearer token of a scope that allows what is called. Never one for a browser: there, handles have a token each. */
  readonly token?: string | undefined;
  /** Another way to send requests, such as a service binding. */
  readonly fetch?: typeof fetch | undefined;
}

export interface EnqueueOptions {
  readonly queueName?: string;
  readonly priority?: number;
  readonly runAfter?: Date | string;
  readonly delaySeconds?: number;
  readonly timeoutSeconds?: number;
  readonly queueTimeoutSeconds?: number;
  readonly maxAttempts?: number;
  readonly uniqueKey?: string;
  readonly metadata?: Readonly<Record<string, unknown>>;
  /** The same key with the same call makes one execution, ever; unless said, one by chance covers our own retries. */
  readonly idempotencyKey?: string;
  readonly signal?: AbortSignal;
}

export interface CallOptions {
  readonly signal?: AbortSignal | undefined;
}

/** All that is needed to follow one execution; plain data, to be handed from a server to a page. */
export interface Handle<Output = unknown> {
  readonly id: string;
  /** Good for a week, for this execution alone; null without `MOBULA_SECRET`, or where the execution is another's. */
  readonly statusToken?: string | null;
  /** As it was when it was enqueued. */
  readonly execution?: Execution<Output>;
}

/** An execution by its id, looked at with the client's own token, or by its handle, with the handle's. */
export type Target<Output = unknown> = string | Handle<Output>;

/**
 * Mobula from afar. Every call is safe to repeat and repeats itself while the server is away for a moment; what stays
 * wrong is a `MobulaClientError`, what the caller aborts rejects with the signal's reason.
 */
export interface Client<Tasks = UnknownTasks> {
  /** Resolves when the execution is stored. */
  enqueue<Name extends NameIn<Tasks>>(
    task: Name,
    input: InputIn<Tasks, Name>,
    options?: EnqueueOptions,
  ): Promise<Required<Handle<OutputIn<Tasks, Name>>>>;
  /** The execution as it is now. */
  status<Output>(target: Target<Output>, options?: CallOptions): Promise<Execution<Output>>;
  /** Resolves when the execution is final, however it ended. */
  wait<Output>(target: Target<Output>, options?: WaitOptions<Output>): Promise<Execution<Output>>;
  /**
   * The value of an execution that succeeded, wherever it is kept. A large one may come from the bucket itself, by a
   * redirect: a browser needs the bucket's leave for that (CORS), where its origin is `null` unless the page is the app's.
   */
  result<Output>(target: Target<Output>, options?: CallOptions): Promise<Output>;
  /** The same as the JSON text that the task wrote. */
  resultText(target: Target, options?: CallOptions): Promise<string>;
}

const resultTimeoutMs = 600_000;
/** How much longer than the server may hold a call its answer may take. */
const holdMarginMs = 15_000;

/**
 * Makes a client; nothing is sent yet. `createClient<typeof tasks>(…)`, where `tasks` is a module of them that is imported
 * by `import type`, knows their names, what they take and what they return, and brings none of their code.
 */
export function createClient<Tasks = UnknownTasks>(options: ClientOptions): Client<Tasks> {
  const { token, fetch } = options;
  const server: Server = { baseUrl: options.baseUrl.replace(/\/+$/, ''), token, fetch };
  const resultText: Client['resultText'] = async (target, { signal } = {}) => {
    const { id, statusToken } = toHandle(target);
    const path = `/executions/${encodeURIComponent(id)}/result`;
    return (await send(server, { path, token: statusToken, signal, timeoutMs: resultTimeoutMs })).text;
  };
  return {
    enqueue: (task, input, wish = {}) => enqueue(server, { task, input }, wish),
    status: async (target, { signal } = {}) => (await look(server, target, { signal }))!.execution,
    wait: (target, how = {}) => waitUntilFinal((which) => look(server, target, which), how),
    result: async (target, how) => JSON.parse(await resultText(target, how)),
    resultText,
  };
}

async function enqueue<Output>(
  server: Server,
  task: { task: string; input: unknown },
  { idempotencyKey = randomKey(), signal, ...wish }: EnqueueOptions,
): Promise<Required<Handle<Output>>> {
  const body = { ...toSnakeCase(wish), ...task };
  const headers = { 'idempotency-key': idempotencyKey };
  const { text } = await send(server, { path: '/tasks', body, headers, signal });
  const answer = JSON.parse(text);
  return { id: answer.task.id, statusToken: answer.status_token, execution: toExecution(answer.task) };
}

async function look<Output>(
  server: Server,
  target: Target<Output>,
  { etag, holdSeconds = 0, ...how }: LookOptions,
): Promise<Sight<Output> | null> {
  const { id, statusToken } = toHandle(target);
  const answer = await send(server, {
    ...how,
    path: `/status/${encodeURIComponent(id)}${holdSeconds > 0 ? `?wait=${holdSeconds}` : ''}`,
    headers: etag ? { 'if-none-match': etag } : {},
    token: statusToken,
    timeoutMs: holdSeconds * 1_000 + holdMarginMs,
  });
  return answer.status === 304 ? null : toSight(answer);
}

const toSight = <Output>({ text, headers }: Answer): Sight<Output> => ({
  execution: toExecution(JSON.parse(text).task),
  etag: headers.get('etag'),
});

const toHandle = (target: Target): Handle => (typeof target === 'string' ? { id: target } : target);

/** `randomUUID` is not there for pages that came over plain http. */
const randomKey = (): string =>
  Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');

import type * as z from 'zod';
import { executionNotFound } from './core/errors.ts';
import type { Execution } from './core/execution.ts';
import { isExecutionId } from './core/ids.ts';
import { parseExact } from './core/json-text.ts';
import { toJsonText } from './core/json-value.ts';
import type { AnyTask, InputOf, Task } from './core/task.ts';
import { current, currentEnqueueSettings } from './current.ts';
import type { Db, Executor } from './db/db.ts';
import { countPending } from './db/executions/count-pending.ts';
import { findExecution, findExecutions } from './db/executions/find.ts';
import { type DatabaseHandle, executorOf } from './db/executor-of.ts';
import { enqueueExecutions } from './engine/enqueue.ts';
import { execute as executeOne } from './engine/execute.ts';
import type { EnqueueOptions } from './engine/prepare.ts';
import { type PurgeAnswer, type PurgeOptions, purge as purgeAll } from './engine/purge.ts';
import { readResult } from './engine/read-result.ts';
import { type RunAnswer, run as runAll } from './engine/run.ts';
import { newId } from './new-id.ts';

/** An enqueued execution, typed by its task: what `result` and `getExecution` take. */
export interface Handle<Output = unknown> {
  readonly id: string;
  readonly task: string;
  /** False where an unfinished execution held the `uniqueKey`, or the `idempotencyKey` had been used: this is that one. */
  readonly created: boolean;
  /** Carries the type of the value; never set. */
  readonly output?: Output;
}

export interface EnqueueCallOptions extends EnqueueOptions {
  /** A plain object, given back with every answer. */
  readonly metadata?: Readonly<Record<string, unknown>>;
  readonly idempotencyKey?: string;
}

/**
 * Enqueues one execution and answers when it is stored; in a caller's transaction, when that commits. Bad input or options
 * throw a `MobulaError` whose `detail.field` names what is wrong, and nothing is stored.
 */
export async function enqueue<Schema extends z.ZodType, Output>(
  db: DatabaseHandle,
  task: Task<Schema, Output>,
  input: z.input<Schema>,
  options: EnqueueCallOptions = {},
): Promise<Handle<Output>> {
  const [handle] = await store(executorOf(db), [{ task, input, options }], options.idempotencyKey);
  return handle as Handle<Output>;
}

/** One of `enqueueMany`'s wishes. */
export interface EnqueueItem<T extends AnyTask = AnyTask> {
  readonly task: T;
  readonly input: InputOf<T>;
  readonly options?: Omit<EnqueueCallOptions, 'idempotencyKey'>;
}

/** Enqueues any number of executions in one statement, all or none; the handles come in the order of the items. */
export const enqueueMany = (db: DatabaseHandle, items: readonly EnqueueItem[]): Promise<Handle[]> =>
  store(executorOf(db), items, undefined);

async function store(
  db: Executor,
  items: readonly { task: AnyTask; input: unknown; options?: EnqueueCallOptions }[],
  idempotencyKey: string | undefined,
): Promise<Handle[]> {
  if (items.length === 0) return [];
  const wishes = items.map(({ task, input, options: { metadata, ...options } = {} }) => ({
    task,
    request: {
      ...options,
      task: task.name,
      input: toJsonText(input, 'input'),
      metadata: metadata && toJsonText(metadata, 'metadata'),
    },
  }));
  const idempotency =
    idempotencyKey === undefined ? null : { key: idempotencyKey, request: toJsonText(wishes.map(toKeyed)) };
  const answers = await enqueueExecutions({ db, settings: currentEnqueueSettings(), newId }, wishes, idempotency);
  return answers.map(({ execution, created }) => ({ id: execution.id, task: execution.task, created }));
}

/** What makes two requests under one key the same. */
const toKeyed = ({ request: { runAfter, ...request } }: { request: EnqueueOptions }) => ({
  ...request,
  runAfter: runAfter?.toISOString(),
});

/** An execution as it is now; throws `execution_not_found`. */
export async function getExecution(
  db: DatabaseHandle,
  execution: string | { readonly id: string },
): Promise<Execution> {
  const id = typeof execution === 'string' ? execution : execution.id;
  const sight = isExecutionId(id) ? await findExecution(executorOf(db), id) : null;
  if (!sight) throw executionNotFound();
  return sight.execution;
}

/**
 * The value of a succeeded execution, read back from the result store and verified where it is kept there. Throws with a
 * code where there is none: `not_finished`, `execution_failed`, `digest_only`, `result_unavailable`.
 * An integer that a double cannot hold is a bigint.
 */
export async function result<Output>(db: Db, handle: Handle<Output>): Promise<Output> {
  const { engine } = current(db);
  return parseExact(await readResult(engine, await getExecution(db, handle))) as Output;
}

export interface RunCallOptions {
  /** One queue or several; every allowed one unless said. */
  readonly queueName?: string | readonly string[];
  /** As many as fit unless said. */
  readonly maxTasks?: number;
  /** The time this call may take; 60 unless said. */
  readonly seconds?: number;
}

const callSeconds = 60;

/** One bounded turn of all that a worker would do; what `POST /run` does. */
export function run(
  db: Db,
  { queueName, maxTasks = 0, seconds = callSeconds }: RunCallOptions = {},
): Promise<RunAnswer> {
  return runAll(current(db).engine, { queues: toList(queueName), maxTasks, seconds });
}

/** The same for one execution: it as it is afterwards, or null where nothing was due. */
export async function runOne(db: Db, options: Omit<RunCallOptions, 'maxTasks'> = {}): Promise<Execution | null> {
  const { tasks } = await run(db, { ...options, maxTasks: 1 });
  const [id] = tasks.keys();
  const [execution] = id ? await findExecutions(db, [id]) : [];
  return execution ?? null;
}

/** Runs that one execution; throws `not_executable` with the reason where its state forbids it. */
export async function execute(
  db: Db,
  id: string,
  {
    allowRetry = false,
    force = false,
    seconds = callSeconds,
  }: { allowRetry?: boolean; force?: boolean; seconds?: number } = {},
): Promise<Execution> {
  await executeOne(current(db).engine, { id, allowRetry, force, seconds });
  return getExecution(db, id);
}

/** How many executions wait, due or delayed. */
export const pendingCount = (
  db: DatabaseHandle,
  { queueName }: { queueName?: string | readonly string[] } = {},
): Promise<number> => countPending(executorOf(db), toList(queueName));

/** Deletes final executions older than `days` (7); answers how many. */
export const purge = (db: Db, options: Partial<Omit<PurgeOptions, 'seconds'>> = {}): Promise<PurgeAnswer> =>
  purgeAll(current(db).engine, { days: 7, batchSize: 1_000, dryRun: false, ...options, seconds: callSeconds });

const toList = (names: string | readonly string[] | undefined): readonly string[] | null =>
  names === undefined ? null : typeof names === 'string' ? [names] : names;

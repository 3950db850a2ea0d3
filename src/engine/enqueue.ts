import type { Execution } from '../core/execution.ts';
import { sha256Hex } from '../core/sha256.ts';
import type { AnyTask } from '../core/task.ts';
import type { Executor } from '../db/db.ts';
import { type Enqueued, type IdempotencyKey, insertExecutions, type NewExecution } from '../db/executions/enqueue.ts';
import { findByUniqueKey } from '../db/executions/find.ts';
import { answerByKey, uniqueKeyTaken } from './answer-by-key.ts';
import { type EnqueueRequest, type EnqueueSettings, prepareExecution } from './prepare.ts';

/** All that enqueuing needs: less than an engine, because a library caller's transaction has no more. */
export interface EnqueueContext {
  readonly db: Executor;
  readonly settings: EnqueueSettings;
  readonly newId: () => string;
}

/** One execution wished for; `place` is where its fields are in the caller's request, such as `tasks.3.`. */
export interface Wish {
  readonly task: AnyTask;
  readonly request: EnqueueRequest;
  readonly place?: string;
}

/** `created` is false for an execution that was there: found by its idempotency key, or by its unique key. */
export interface EnqueueAnswer {
  readonly execution: Execution;
  readonly created: boolean;
  /** Whether the caller is the one who made it, now or before: then a status token is theirs to have. */
  readonly own: boolean;
}

/** What a request was, for a key: parsed and compact, so that its spelling does not count. */
export interface Idempotency {
  readonly key: string;
  readonly request: string;
}

/**
 * Stores executions, all or none, in one statement, and answers in the order asked. One whose `unique_key` an unfinished
 * execution holds is answered by that one. The same idempotency key with the same request answers the same executions.
 */
export async function enqueueExecutions(
  context: EnqueueContext,
  wishes: readonly Wish[],
  idempotency: Idempotency | null = null,
): Promise<EnqueueAnswer[]> {
  const rows = await Promise.all(wishes.map((wish) => prepareExecution(wish, context)));
  const key = idempotency && (await toKey(idempotency));
  const stored = await insertExecutions(context.db, rows, key);
  if (key && stored.length < rows.length) return answerByKey(context.db, key, { rows, stored });
  const byId = new Map(stored.map((row) => [row.id, row]));
  return Promise.all(
    rows.map((row) => {
      const enqueued = byId.get(row.id);
      return enqueued ? toCreated(row, enqueued) : answerHolder(context.db, row);
    }),
  );
}

async function toKey({ key, request }: Idempotency): Promise<IdempotencyKey> {
  return { key, requestSha256: await sha256Hex(request) };
}

const holderTries = 3;

/** The execution that holds the unique key; or, where that one has finished in between, the one that takes its place. */
async function answerHolder(db: Executor, row: NewExecution): Promise<EnqueueAnswer> {
  for (let tries = 0; row.uniqueKey !== null && tries < holderTries; tries += 1) {
    const execution = await findByUniqueKey(db, row.task, row.uniqueKey);
    if (execution) return { execution, created: false, own: false };
    const [enqueued] = await insertExecutions(db, [row], null);
    if (enqueued) return toCreated(row, enqueued);
  }
  throw uniqueKeyTaken();
}

const toCreated = (row: NewExecution, enqueued: Enqueued): EnqueueAnswer => ({
  execution: toQueued(row, enqueued),
  created: true,
  own: true,
});

function toQueued(row: NewExecution, { enqueuedAt, runAfter }: Enqueued): Execution {
  return {
    id: row.id,
    task: row.task,
    state: 'QUEUED',
    queue: row.queue,
    priority: row.priority,
    attempt: 0,
    maxAttempts: row.maxAttempts,
    runAfter,
    enqueuedAt,
    startedAt: null,
    lastAttemptedAt: null,
    finishedAt: null,
    version: 1,
    progress: null,
    metadata: row.metadata,
    error: null,
    result: { state: 'none', value: null, reference: null, bytes: null, sha256: null, reason: null },
    ray: null,
  };
}

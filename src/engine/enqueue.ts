import { MobulaError } from '../core/errors.ts';
import type { Execution } from '../core/execution.ts';
import { sha256Hex } from '../core/sha256.ts';
import type { AnyTask } from '../core/task.ts';
import type { Executor } from '../db/db.ts';
import { type Enqueued, type IdempotencyKey, insertExecutions, type NewExecution } from '../db/executions/enqueue.ts';
import { findByUniqueKey, findExecutions } from '../db/executions/find.ts';
import { findIdempotencyKey, pointKeyAt } from '../db/executions/find-idempotency-key.ts';
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
  if (key && stored.length < rows.length) {
    const earlier = await answerEarlier(context.db, key, rows);
    if (earlier) return earlier;
  }
  const byId = new Map(stored.map((row) => [row.id, row]));
  const answers = await Promise.all(
    rows.map((row) => {
      const enqueued = byId.get(row.id);
      return enqueued ? toCreated(row, enqueued) : answerHolder(context.db, row, key);
    }),
  );
  if (key && stored.length < rows.length) await pointKey(context.db, key, answers);
  return answers;
}

const pointKey = (db: Executor, { key }: IdempotencyKey, answers: readonly EnqueueAnswer[]): Promise<void> =>
  pointKeyAt(
    db,
    key,
    answers.map(({ execution }) => execution.id),
  );

async function toKey({ key, request }: Idempotency): Promise<IdempotencyKey> {
  return { key, requestSha256: await sha256Hex(request) };
}

/** What an earlier request under this key made; null where the key is ours, just taken. */
async function answerEarlier(
  db: Executor,
  key: IdempotencyKey,
  rows: readonly NewExecution[],
): Promise<EnqueueAnswer[] | null> {
  const used = await findIdempotencyKey(db, key);
  if (!used || used.executionIds.every((id, index) => id === rows[index]?.id)) return null;
  if (!used.sameRequest) {
    throw new MobulaError('idempotency_key_reused', 'This Idempotency-Key was used for another request.', {
      field: 'Idempotency-Key',
    });
  }
  const found = new Map((await findExecutions(db, used.executionIds)).map((execution) => [execution.id, execution]));
  const answers = await Promise.all(
    used.executionIds.map((id, index) => {
      const execution = found.get(id);
      if (execution) return { execution, created: false, own: used.madeIds.includes(id) };
      const row = rows[index];
      // Never stored: whoever took the key met a unique key, and has not noted yet by whose execution it was answered.
      if (row?.uniqueKey && !used.purged && !used.settled) return answerHolder(db, row, key);
      throw new MobulaError('execution_purged', 'What this Idempotency-Key made has been purged.', { members: { id } });
    }),
  );
  if (found.size < new Set(used.executionIds).size) await pointKey(db, key, answers);
  return answers;
}

const holderTries = 3;

/** The execution that holds the unique key; or, where that one has finished in between, the one that takes its place. */
async function answerHolder(db: Executor, row: NewExecution, key: IdempotencyKey | null): Promise<EnqueueAnswer> {
  for (let tries = 0; row.uniqueKey !== null && tries < holderTries; tries += 1) {
    const execution = await findByUniqueKey(db, row.task, row.uniqueKey);
    if (execution) return { execution, created: false, own: false };
    const [enqueued] = await insertExecutions(db, [row], key && { ...key, isTaken: true });
    if (enqueued) return toCreated(row, enqueued);
  }
  throw new MobulaError('unique_key_taken', 'The unique_key was taken a moment ago; ask again.', {
    field: 'unique_key',
  });
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

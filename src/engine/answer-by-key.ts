import { MobulaError } from '../core/errors.ts';
import type { Executor } from '../db/db.ts';
import { type Enqueued, type IdempotencyKey, insertExecutions, type NewExecution } from '../db/executions/enqueue.ts';
import { findByUniqueKey, findExecutions } from '../db/executions/find.ts';
import { findIdempotencyKey, pointKeyAt, type UsedKey, whileUnchanged } from '../db/executions/find-idempotency-key.ts';
import type { EnqueueAnswer } from './enqueue.ts';

/** Each is lost only to somebody else's who settled more of the same key. */
const tries = 5;

interface Asked {
  readonly rows: readonly NewExecution[];
  /** What this very call has stored. */
  readonly stored: readonly Enqueued[];
}

/**
 * What a request under a used key is answered with: what it made, now or before. Where a `unique_key` kept some of it from
 * being stored, that is settled now, once for all who ask under the key: by the execution that holds the `unique_key`, or,
 * where that one has finished, by storing it after all, under the id that the key has for it.
 */
export async function answerByKey(db: Executor, key: IdempotencyKey, asked: Asked): Promise<EnqueueAnswer[]> {
  const createdIds = new Set(asked.stored.map(({ id }) => id));
  for (let tried = 0; tried < tries; tried += 1) {
    const used = await findIdempotencyKey(db, key);
    if (!used) break;
    const open = openRows(used, asked.rows);
    if (open.length === 0) return answerPresent(db, used, createdIds);
    for (const { id } of await settle(db, key, { used, open })) createdIds.add(id);
  }
  throw uniqueKeyTaken();
}

/** What the key names and was never stored; throws where the answer is that there is none any more. */
function openRows(used: UsedKey, rows: readonly NewExecution[]): NewExecution[] {
  if (!used.sameRequest) {
    throw new MobulaError('idempotency_key_reused', 'This Idempotency-Key was used for another request.', {
      field: 'Idempotency-Key',
    });
  }
  return used.executionIds.flatMap((id, index) => {
    if (used.presentIds.includes(id)) return [];
    const row = rows[index];
    if (!row?.uniqueKey || used.purged || used.settled) throw purged(id);
    return [{ ...row, id }];
  });
}

async function answerPresent(db: Executor, used: UsedKey, createdIds: ReadonlySet<string>): Promise<EnqueueAnswer[]> {
  const found = new Map((await findExecutions(db, used.executionIds)).map((execution) => [execution.id, execution]));
  return used.executionIds.map((id) => {
    const execution = found.get(id);
    if (!execution) throw purged(id);
    return { execution, created: createdIds.has(id), own: used.madeIds.includes(id) };
  });
}

/** One step towards an answer that stays: whoever is first with it wins, the others look again. Answers what it stored. */
async function settle(
  db: Executor,
  key: IdempotencyKey,
  { used, open }: { used: UsedKey; open: readonly NewExecution[] },
): Promise<Enqueued[]> {
  const holders = new Map(
    await Promise.all(
      open.map(async (row) => [row.id, await findByUniqueKey(db, row.task, row.uniqueKey ?? '')] as const),
    ),
  );
  const free = open.filter(({ id }) => !holders.get(id));
  if (free.length > 0) return insertExecutions(db, free, { ...key, isTaken: true }, whileUnchanged(key.key, used));
  const executionIds = used.executionIds.map((id) => holders.get(id)?.id ?? id);
  await pointKeyAt(db, key.key, { executionIds, seen: used });
  return [];
}

const purged = (id: string) =>
  new MobulaError('execution_purged', 'What this Idempotency-Key made has been purged.', { members: { id } });

/** The unique key changed hands so often meanwhile that asking again is the caller's. */
export const uniqueKeyTaken = () =>
  new MobulaError('unique_key_taken', 'The unique_key was taken a moment ago; ask again.', { field: 'unique_key' });

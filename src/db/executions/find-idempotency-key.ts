import { type SQL, sql } from 'drizzle-orm';
import { limits } from '../../core/limits.ts';
import { type Executor, list, now, seconds } from '../db.ts';
import type { IdempotencyKey } from './enqueue.ts';

/** What an idempotency key was used for. */
export interface UsedKey {
  readonly executionIds: readonly string[];
  /** Those of them that it made itself; the others were met by their `unique_key`. */
  readonly madeIds: readonly string[];
  /** Those of them that exist: the rest was purged, or never stored. */
  readonly presentIds: readonly string[];
  /** Whether the request that used it had this very digest. */
  readonly sameRequest: boolean;
  readonly purged: boolean;
  /** False where an id that is missing may never have been stored: a unique key was met, and not yet noted by whose. */
  readonly settled: boolean;
  /** Changes whenever the key does: what was decided by one look is written only where nobody has written since. */
  readonly revision: string;
}

/** The use of a key; null where it is free. */
export async function findIdempotencyKey(
  db: Executor,
  { key, requestSha256 }: IdempotencyKey,
): Promise<UsedKey | null> {
  const [row] = await db.execute<Row>(sql`
    select array_to_string(execution_ids, ',') as ids,
      array_to_string(array(
        select e.id from mobula.executions e where e.id = any(k.execution_ids) and e.idempotency_key = k.key), ',') as made,
      array_to_string(array(select e.id from mobula.executions e where e.id = any(k.execution_ids)), ',') as present,
      encode(request_sha256, 'hex') = ${requestSha256} as same,
      purged_at is not null as purged, settled, k.xmin::text as revision
    from mobula.idempotency_keys k where key = ${key}`);
  if (!row) return null;
  return {
    executionIds: row.ids.split(','),
    madeIds: row.made.split(','),
    presentIds: row.present.split(','),
    sameRequest: row.same,
    purged: row.purged,
    settled: row.settled,
    revision: row.revision,
  };
}

interface Row {
  ids: string;
  made: string;
  present: string;
  same: boolean;
  purged: boolean;
  settled: boolean;
  revision: string;
}

/** A gate that opens while a key is as it was seen, and lets no other through that saw it so: see `insertExecutions`. */
export const whileUnchanged = (key: string, { revision }: UsedKey): SQL => sql`
  update mobula.idempotency_keys set settled = settled where key = ${key} and xmin::text = ${revision} returning 1`;

/**
 * Points a key at the executions that answered its request in the end: those that held its `unique_key`s. Nothing happens
 * where the key is no longer as it was seen.
 */
export async function pointKeyAt(
  db: Executor,
  key: string,
  { executionIds, seen }: { executionIds: readonly string[]; seen: UsedKey },
): Promise<void> {
  await db.execute(sql`
    update mobula.idempotency_keys set execution_ids = ${list(executionIds, 'uuid')}, settled = true
    where key = ${key} and xmin::text = ${seen.revision}`);
}
/**
 * Forgets up to `limit` keys whose executions were purged more than 90 days ago; answers how many. One that another's
 * execution had answered carries no mark of its purge, and goes 90 days after its use once that one is gone.
 */
export async function sweepIdempotencyKeys(db: Executor, limit: number): Promise<number> {
  const rows = await db.execute(sql`
    with old as materialized (
      select key from mobula.idempotency_keys
      where purged_at < ${now} - ${seconds(limits.idempotencySeconds)}
      union all
      select k.key from mobula.idempotency_keys k
      where k.purged_at is null and k.created_at < ${now} - ${seconds(limits.idempotencySeconds)}
        and not exists (select from mobula.executions e where e.id = any(k.execution_ids))
      limit ${limit}
    )
    delete from mobula.idempotency_keys k using old where k.key = old.key returning 1`);
  return rows.length;
}

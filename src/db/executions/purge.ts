import { type SQL, sql } from 'drizzle-orm';
import type { FinalState } from '../../core/execution.ts';
import type { OfJob } from '../../core/ids.ts';
import { type Executor, list, now, seconds } from '../db.ts';
import { tally } from './tally.ts';

export interface PurgeScope {
  readonly states: readonly FinalState[];
  /** Finished at least this long ago. */
  readonly ageSeconds: number;
  readonly queue: string | null;
  readonly task: string | null;
}

/** How many final executions the scope covers. */
export async function countPurgeable(db: Executor, scope: PurgeScope): Promise<number> {
  const [row] = await db.execute<{ count: string | number }>(
    sql`select count(*) from mobula.executions e where ${covered(scope)}`,
  );
  return Number(row?.count ?? 0);
}

/** What a purge deleted, and what lies outside the database and is nobody's now. */
export interface Purged {
  readonly deleted: number;
  /** Of stored values; others may refer to the same ones. */
  readonly references: readonly string[];
  /** Attempts whose record is still on the cluster. */
  readonly rayJobs: readonly OfJob[];
}

/**
 * Deletes up to `limit` final executions of the scope with all that is theirs; fewer than `limit` is the end. Their
 * idempotency keys stay, marked as purged. What is not final is never touched. Repeatable.
 */
export const purgeExecutions = (db: Executor, scope: PurgeScope, limit: number): Promise<Purged> =>
  erase(
    db,
    sql`
    select e.id from mobula.executions e where ${covered(scope)}
    order by e.finished_at limit ${limit} for update skip locked`,
  );

/** The same for one execution, if it is final. */
export const purgeExecution = (db: Executor, id: string): Promise<Purged> =>
  erase(db, sql`select e.id from mobula.executions e where e.id = ${id} and e.finished_at is not null for update`);

/** `picked` selects the ids of final executions, locked. */
async function erase(db: Executor, picked: SQL): Promise<Purged> {
  const [row] = await db.execute<{ deleted: string | number; history: string | null }>(sql`
    with old as materialized (${picked}),
    gone as (delete from mobula.executions e using old where e.id = old.id returning e.id, e.state, e.idempotency_key),
    counted as (${tally(sql`gone`, { sign: -1 })}),
    without_inputs as (delete from mobula.inputs i using gone where i.execution_id = gone.id),
    history as (
      delete from mobula.attempts a using gone where a.execution_id = gone.id
      returning a.execution_id, a.attempt, a.result_reference, a.result_state, a.ray_record_until, a.shared_job
    ),
    tombstones as (
      update mobula.idempotency_keys k set purged_at = ${now} from gone where k.key = gone.idempotency_key
    )
    select (select count(*) from gone) as deleted, (
      select json_agg(json_build_object('id', execution_id, 'attempt', attempt, 'on_ray', ray_record_until is not null, 'sharedJob', shared_job,
        'reference', case when result_state = 'stored' then result_reference end))::text
      from history where result_state = 'stored' or ray_record_until is not null) as history`);
  const history: (OfJob & { on_ray: boolean; reference: string | null })[] = JSON.parse(row?.history ?? '[]');
  return {
    deleted: Number(row?.deleted ?? 0),
    references: [...new Set(history.flatMap(({ reference }) => reference ?? []))],
    rayJobs: history
      .filter((attempt) => attempt.on_ray)
      .map(({ id, attempt, sharedJob }) => ({ id, attempt, sharedJob })),
  };
}

const covered = (scope: PurgeScope) => sql`
  e.finished_at is not null and e.finished_at <= ${now} - ${seconds(scope.ageSeconds)}
  and e.state = any(${list(scope.states, 'mobula.execution_state')})
  and (${scope.queue}::text is null or e.queue = ${scope.queue})
  and (${scope.task}::text is null or e.task = ${scope.task})`;

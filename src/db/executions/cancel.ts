import { sql } from 'drizzle-orm';
import type { State } from '../../core/execution.ts';
import { limits } from '../../core/limits.ts';
import { type Executor, list, now, seconds } from '../db.ts';
import { tally } from './tally.ts';

export interface CancelAnswer {
  /** As it was when this was decided. */
  readonly before: State;
  /** As decided; the same as before where nothing could be. */
  readonly after: State;
  readonly attempt: number;
  /** Whether a job may be on a cluster that nobody wants any more. */
  readonly onCluster: boolean;
  /** Where it is not that attempt's alone. */
  readonly sharedJob: string | null;
}

/**
 * Of the row that is changed, not of the one that was found: where a claim came in between, Postgres first makes a row out
 * of the old version and checks its constraints, and only then makes it again out of the new one.
 */
const hasBegun = sql`(e.state = 'RUNNING' and (e.runner = 'inline' or e.nonce is not null))`;

/**
 * Never below 0, for the same reason: the version that this statement saw at its start may not count the claim yet, which it
 * waited for. What is stored is made out of the one that does.
 */
const oneLess = sql`greatest(0, c.running - 1)`;

/**
 * Decides a cancel by the row as it is: QUEUED, and RUNNING before a driver has begun, is CANCELLED at once, and no gate
 * will open for it; begun code is CANCELLING until it has ended. Null: there is no such execution. Repeatable.
 */
export async function cancelExecution(db: Executor, id: string): Promise<CancelAnswer | null> {
  const [row] = await db.execute<{
    before: State;
    after: State | null;
    attempt: number;
    on_cluster: boolean;
    shared_job: string | null;
  }>(sql`
    with found as materialized (
      select e.id, e.state, e.attempt, e.runner, e.cluster, e.shared_job, e.claimed_at, e.begun_at
      from mobula.executions e where e.id = ${id} for no key update
    ),
    moved as (
      update mobula.executions e
      set state = (case when ${hasBegun} then 'CANCELLING' else 'CANCELLED' end)::mobula.execution_state, ready = false,
        version = e.version + 1, epoch = case when ${hasBegun} then e.epoch else e.epoch + 1 end,
        holder = case when ${hasBegun} then e.holder end, check_at = case when ${hasBegun} then ${now} end,
        finished_at = case when ${hasBegun} then null else ${now} end
      from found f where e.id = f.id and f.state in ('QUEUED', 'RUNNING')
      returning e.id, e.state, f.state as before, f.attempt, f.runner, f.cluster, f.shared_job, f.claimed_at, f.begun_at
    ),
    kept as (
      insert into mobula.attempts (execution_id, attempt, state, runner, cluster, shared_job, claimed_at, begun_at, ended_at, ray_record_until)
      select id, attempt, 'CANCELLED', runner, cluster, shared_job, claimed_at, begun_at, ${now},
        case when runner = 'ray_job' then ${now} + ${seconds(limits.rayRecordSeconds)} end
      from moved where before = 'RUNNING' and state = 'CANCELLED'
    ),
    freed as (
      update mobula.capacity c set running = ${oneLess}, changes = c.changes + 1
      from moved m where m.before = 'RUNNING' and m.state = 'CANCELLED' and c.runner = m.runner and c.cluster = m.cluster
    ),
    counted as (${tally(sql`moved`)})
    select f.state as before, m.state as after, f.attempt, f.cluster is not null and f.state <> 'QUEUED' as on_cluster, f.shared_job
    from found f left join moved m on true`);
  if (!row) return null;
  const { before, attempt, on_cluster: onCluster, shared_job: sharedJob } = row;
  return { before, after: row.after ?? before, attempt, onCluster, sharedJob };
}

/** Those of `ids` whose code is asked to end. */
export async function findCancelling(db: Executor, ids: readonly string[]): Promise<string[]> {
  if (ids.length === 0) return [];
  const rows = await db.execute<{ id: string }>(
    sql`select id from mobula.executions where id = any(${list(ids, 'uuid')}) and state = 'CANCELLING'`,
  );
  return rows.map(({ id }) => id);
}

import { sql } from 'drizzle-orm';
import type { RunnerName } from '../../core/runner.ts';
import { type Executor, now, seconds } from '../db.ts';
import { isOnCluster } from '../in-flight.ts';

/** An attempt on a cluster that somebody must look after, with what the database's clock says of it. */
export interface Check {
  readonly id: string;
  readonly task: string;
  readonly attempt: number;
  readonly epoch: number;
  readonly state: 'RUNNING' | 'CANCELLING';
  readonly runner: RunnerName;
  readonly cluster: string;
  readonly sharedJob: string | null;
  /** As given at enqueue; null where the task and the settings decide. */
  readonly timeoutSeconds: number | null;
  /** The cluster incarnation known to have accepted the job. */
  readonly session: string | null;
  readonly begun: boolean;
  readonly claimedSecondsAgo: number;
  readonly begunSecondsAgo: number | null;
  readonly silentSeconds: number | null;
  /** Since Ray was first seen to call the job finished; null where it was not, or a beat has come since. */
  readonly rayEndedSecondsAgo: number | null;
}

interface Row {
  id: string;
  task: string;
  attempt: number;
  epoch: number | string;
  state: 'RUNNING' | 'CANCELLING';
  runner: RunnerName;
  cluster: string;
  shared_job: string | null;
  timeout_seconds: number | null;
  ray_session: string | null;
  begun: boolean;
  claimed_ago: number;
  begun_ago: number | null;
  silent: number | null;
  ended_ago: number | null;
}

/**
 * Takes up to `limit` due checks for this call: each gets a new epoch and is not due again before `againSeconds`, so that
 * overlapping calls share the work and a slow one cannot write over a later one.
 */
export async function takeChecks(db: Executor, limit: number, againSeconds: number): Promise<Check[]> {
  const rows = await db.execute<Row>(sql`
    with due as materialized (
      select e.id from mobula.executions e left join mobula.invocations i on i.id = e.holder
      where ${isOnCluster} and e.check_at <= ${now}
        and (i.id is null or i.lease_until <= ${now})
      order by e.check_at limit ${limit} for no key update of e skip locked
    )
    update mobula.executions e
    set epoch = e.epoch + 1, holder = null, check_at = ${now} + ${seconds(againSeconds)}
    from due where e.id = due.id
    returning e.id, e.task, e.attempt, e.epoch, e.state, e.runner, e.cluster, e.shared_job, e.timeout_seconds, e.ray_session,
      e.begun_at is not null as begun,
      extract(epoch from ${now} - e.claimed_at)::float8 as claimed_ago,
      extract(epoch from ${now} - e.begun_at)::float8 as begun_ago,
      extract(epoch from ${now} - coalesce(e.beat_at, e.begun_at))::float8 as silent,
      case when e.beat_at is null or e.beat_at <= e.ray_ended_at
        then extract(epoch from ${now} - e.ray_ended_at)::float8 end as ended_ago`);
  return rows.map(toCheck);
}

const toCheck = (row: Row): Check => ({
  id: row.id,
  task: row.task,
  attempt: row.attempt,
  epoch: Number(row.epoch),
  state: row.state,
  runner: row.runner,
  cluster: row.cluster,
  sharedJob: row.shared_job,
  timeoutSeconds: row.timeout_seconds,
  session: row.ray_session,
  begun: row.begun,
  claimedSecondsAgo: row.claimed_ago,
  begunSecondsAgo: row.begun_ago,
  silentSeconds: row.silent,
  rayEndedSecondsAgo: row.ended_ago,
});

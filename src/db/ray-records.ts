import { sql } from 'drizzle-orm';
import type { OfJob } from '../core/ids.ts';
import { type Executor, now, seconds, tableOf } from './db.ts';
import { isOnCluster } from './in-flight.ts';

/** The record that Ray keeps of an attempt's job, for ever unless somebody deletes it. */
export interface RayRecord extends OfJob {
  /** Whether an attempt in flight shares the job. */
  readonly isInUse: boolean;
}

/** A taken record is not due again before this, should its taker die or Ray refuse. */
const againSeconds = 300;

/** Takes up to `limit` records that may be deleted by now, of one cluster. Repeatable. */
export async function takeRayRecords(db: Executor, cluster: string, limit: number): Promise<RayRecord[]> {
  return db.execute<RayRecord>(sql`
    with due as materialized (
      select execution_id, attempt from mobula.attempts
      where cluster = ${cluster} and ray_record_until <= ${now}
      order by ray_record_until limit ${limit} for no key update skip locked
    )
    update mobula.attempts a set ray_record_until = ${now} + ${seconds(againSeconds)}
    from due where a.execution_id = due.execution_id and a.attempt = due.attempt
    returning a.execution_id as id, a.attempt, a.shared_job as "sharedJob", a.shared_job is not null and exists (
      select from mobula.executions e where ${isOnCluster}
        and e.shared_job = a.shared_job) as "isInUse"`);
}

/** An attempt whose record the cluster surely has still, and whose job is over; null where there is none. */
export async function findRayRecord(db: Executor, cluster: string): Promise<OfJob | null> {
  const [row] = await db.execute<OfJob>(sql`
    select execution_id as id, attempt, shared_job as "sharedJob" from mobula.attempts
    where cluster = ${cluster} and ray_record_until is not null and shared_job is null
    order by ray_record_until desc limit 1`);
  return row ?? null;
}

/** Notes that records are gone from the cluster. */
export async function forgetRayRecords(db: Executor, records: readonly OfJob[]): Promise<void> {
  await db.execute(sql`
    update mobula.attempts a set ray_record_until = null
    from ${tableOf(records, { id: 'uuid', attempt: 'integer' })}
      as r(id, attempt)
    where a.execution_id = r.id and a.attempt = r.attempt`);
}

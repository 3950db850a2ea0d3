import { sql } from 'drizzle-orm';
import { type Executor, isAmong, tableOf, unestimated } from '../db.ts';

/** The Ray job in which an attempt is to run among others. */
export interface Joining {
  readonly id: string;
  readonly epoch: number;
  readonly sharedJob: string;
}

const isUnbegun = unestimated(sql`e.state = 'RUNNING' and e.nonce is null`, sql`j`);

/**
 * Notes in which jobs attempts will run, before those exist: a job whose submitter dies is then known to all rows it is for.
 * Answers the ids of those that still wait to begin under this epoch; no other changed. Locked by id, as drivers begin in batches.
 */
export async function joinJobs(db: Executor, joinings: readonly Joining[]): Promise<ReadonlySet<string>> {
  const rows = await db.execute<{ id: string }>(sql`
    with j as materialized (
      select * from ${tableOf(joinings, { id: 'uuid', epoch: 'bigint', sharedJob: 'text' })} as j(id, epoch, shared_job)
    ),
    unbegun as materialized (
      select e.id from mobula.executions e join j on e.id = j.id and e.epoch = j.epoch
      where ${isAmong(sql`e.id`, sql`j`)} and ${isUnbegun} order by e.id for no key update of e
    )
    update mobula.executions e set shared_job = j.shared_job, version = e.version + 1
    from j join unbegun on unbegun.id = j.id
    where ${isAmong(sql`e.id`, sql`j`)} and e.id = j.id and e.epoch = j.epoch and ${isUnbegun}
    returning e.id`);
  return new Set(rows.map(({ id }) => id));
}

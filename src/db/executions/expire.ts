import { sql } from 'drizzle-orm';
import { type Executor, now } from '../db.ts';
import { tally } from './tally.ts';

/** QUEUED to EXPIRED, for up to `limit` executions whose queue timeout has passed; answers how many. Repeatable. */
export async function expireQueued(db: Executor, limit: number): Promise<number> {
  const rows = await db.execute(sql`
    with due as materialized (
      select id from mobula.executions where state = 'QUEUED' and expires_at is not null and expires_at <= ${now}
      order by expires_at limit ${limit} for no key update skip locked
    ),
    moved as (
      update mobula.executions e
      set state = 'EXPIRED', ready = false, version = e.version + 1, epoch = e.epoch + 1, finished_at = ${now}
      from due where e.id = due.id and e.state = 'QUEUED' returning e.state
    ),
    counted as (${tally(sql`moved`)})
    select 1 from moved`);
  return rows.length;
}

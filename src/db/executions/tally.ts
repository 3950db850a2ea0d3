import { type SQL, sql } from 'drizzle-orm';
import type { Executor } from '../db.ts';

/**
 * Counts executions that enter (or, with -1, leave) a final state, so that statistics need not read history. Appended, not
 * updated: concurrent statements never wait for a counter. `moved` is a CTE of the statement with a `state` column;
 * `digestOnly` counts those of its rows whose value was lost to its store.
 */
export const tally = (
  moved: SQL,
  { sign = 1, digestOnly = sql`0` }: { sign?: 1 | -1; digestOnly?: SQL } = {},
): SQL => sql`
  insert into mobula.final_tallies (state, count, digest_only)
  select state, ${sign} * count(*), ${digestOnly} from ${moved}
  where state in ('SUCCEEDED', 'FAILED', 'CANCELLED', 'LOST', 'EXPIRED') group by state`;

/** Folds appended counts into one row for each state; their sum never changes. Repeatable, and safe beside itself. */
export async function foldTallies(db: Executor): Promise<void> {
  await db.execute(sql`
    with gone as (
      delete from mobula.final_tallies where ctid = any(array(
        select ctid from mobula.final_tallies limit 10000 for update skip locked))
      returning state, count, digest_only
    )
    insert into mobula.final_tallies (state, count, digest_only)
    select state, sum(count), sum(digest_only) from gone group by state`);
}

import { sql } from 'drizzle-orm';
import { type Executor, now } from '../db.ts';

/** Moves up to `limit` delayed executions that have fallen due into the claim's index; answers how many. Repeatable. */
export async function promoteDelayed(db: Executor, limit: number): Promise<number> {
  const rows = await db.execute(sql`
    with due as materialized (
      select id from mobula.executions where state = 'QUEUED' and not ready and due_at <= ${now}
      order by due_at limit ${limit} for no key update skip locked
    )
    update mobula.executions e set ready = true from due where e.id = due.id returning 1`);
  return rows.length;
}

import { sql } from 'drizzle-orm';
import { type Executor, now } from '../db.ts';

/** An inline attempt whose invocation is dead, for its verdict. */
export interface Lapsed {
  readonly id: string;
  readonly task: string;
  readonly attempt: number;
  readonly epoch: number;
}

/**
 * Up to `limit` inline attempts whose invocation's lease has lapsed. The lease itself is deleted by the same statement,
 * which waits for a renewal under way and spares what it renewed; a deleted lease cannot be renewed, so what is answered
 * here belongs to nobody. Repeatable: what is not ended stays lapsed.
 */
export async function takeLapsed(db: Executor, limit: number): Promise<Lapsed[]> {
  const rows = await db.execute<{ id: string; task: string; attempt: number; epoch: number | string }>(sql`
    with dead as (delete from mobula.invocations where lease_until <= ${now} returning id)
    select e.id, e.task, e.attempt, e.epoch from mobula.executions e
    where e.state in ('RUNNING', 'CANCELLING') and e.runner = 'inline' and e.check_at <= ${now}
      and (e.holder in (select id from dead) or not exists (select from mobula.invocations i where i.id = e.holder))
    order by e.check_at limit ${limit}`);
  return rows.map((row) => ({ ...row, epoch: Number(row.epoch) }));
}

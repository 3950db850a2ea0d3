import { sql } from 'drizzle-orm';
import { type Executor, now } from '../db.ts';
import { isHeld } from '../in-flight.ts';

/** An inline attempt whose invocation is dead, for its verdict. */
export interface Lapsed {
  readonly id: string;
  readonly task: string;
  readonly attempt: number;
  readonly epoch: number;
}

/**
 * Up to `limit` inline attempts whose invocation's lease has lapsed. A renewal under way is waited for, and spared is what
 * it renewed; a lapsed lease cannot be renewed, so what is answered here belongs to nobody. Repeatable: what is not ended
 * stays lapsed.
 */
export async function takeLapsed(db: Executor, limit: number): Promise<Lapsed[]> {
  const rows = await db.execute<{ id: string; task: string; attempt: number; epoch: number | string }>(sql`
    with dead as materialized (
      select id from mobula.invocations where lease_until <= ${now} order by id for no key update
    )
    select held.* from dead cross join lateral (
      select e.id, e.task, e.attempt, e.epoch from mobula.executions e where e.holder = dead.id and ${isHeld} limit ${limit}
    ) held limit ${limit}`);
  return rows.map((row) => ({ ...row, epoch: Number(row.epoch) }));
}

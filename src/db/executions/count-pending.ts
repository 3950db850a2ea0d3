import { sql } from 'drizzle-orm';
import { type Executor, list } from '../db.ts';

/** How many executions are QUEUED, due or delayed, in these queues (null: in all). It reads the backlog's index. */
export async function countPending(db: Executor, queues: readonly string[] | null): Promise<number> {
  const [row] = await db.execute<{ count: string | number }>(sql`
    select count(*) from mobula.executions
    where state = 'QUEUED' and (${queues === null} or queue = any(${list(queues ?? [], 'text')}))`);
  return Number(row?.count ?? 0);
}

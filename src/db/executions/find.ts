import { sql } from 'drizzle-orm';
import type { Execution } from '../../core/execution.ts';
import { type Executor, list, now, toDate } from '../db.ts';
import { type ExecutionRow, selectExecutions, toExecution } from './row.ts';

/** An execution and the database's time at which it was seen, by which a token's expiry is judged. */
export interface Sight {
  readonly execution: Execution;
  readonly observedAt: Date;
}

/** One execution as it is now; null where there is none. */
export async function findExecution(db: Executor, id: string): Promise<Sight | null> {
  const [row] = await db.execute<ExecutionRow & { observed_at: Date | string }>(
    sql`select x.*, ${now} as observed_at from (${selectExecutions} where e.id = ${id}) x`,
  );
  return row ? { execution: toExecution(row), observedAt: toDate(row.observed_at) } : null;
}

/** Those of `ids` that exist, in no order. */
export async function findExecutions(db: Executor, ids: readonly string[]): Promise<Execution[]> {
  const rows = await db.execute<ExecutionRow>(sql`${selectExecutions} where e.id = any(${list(ids, 'uuid')})`);
  return rows.map(toExecution);
}

/** The unfinished execution of `task` that holds `uniqueKey`; null where none does. */
export async function findByUniqueKey(db: Executor, task: string, uniqueKey: string): Promise<Execution | null> {
  const [row] = await db.execute<ExecutionRow>(sql`${selectExecutions}
    where e.task = ${task} and e.unique_key = ${uniqueKey} and e.state in ('QUEUED', 'RUNNING', 'CANCELLING')`);
  return row ? toExecution(row) : null;
}

import { sql } from 'drizzle-orm';
import type { Execution, State } from '../../core/execution.ts';
import { type Executor, list } from '../db.ts';
import { type ExecutionRow, selectExecutions, toExecution } from './row.ts';

export interface ListFilters {
  /** Null for all. */
  readonly states: readonly State[] | null;
  readonly queue: string | null;
  readonly task: string | null;
  readonly createdAfter: Date | null;
  readonly createdBefore: Date | null;
}

/**
 * Up to `limit` executions, newest first, below the id `before`. The order is that of their ids, which grow with time; the
 * index of the primary key is read backwards, so a filter that few match reads far.
 */
export async function listExecutions(
  db: Executor,
  filters: ListFilters,
  { before, limit }: { before: string | null; limit: number },
): Promise<Execution[]> {
  const { states, queue, task, createdAfter, createdBefore } = filters;
  const rows = await db.execute<ExecutionRow>(sql`
    select x.* from (
      select e.id from mobula.executions e
      where (${before}::uuid is null or e.id < ${before})
        and (${states === null} or e.state = any(${list(states ?? [], 'mobula.execution_state')}))
        and (${queue}::text is null or e.queue = ${queue}) and (${task}::text is null or e.task = ${task})
        and (${createdAfter}::timestamptz is null or e.enqueued_at > ${createdAfter})
        and (${createdBefore}::timestamptz is null or e.enqueued_at < ${createdBefore})
      order by e.id desc limit ${limit}
    ) page, lateral (${selectExecutions} where e.id = page.id) x
    order by x.id desc`);
  return rows.map(toExecution);
}

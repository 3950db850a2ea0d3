import { sql } from 'drizzle-orm';
import type { Execution, State } from '../../core/execution.ts';
import { limits } from '../../core/limits.ts';
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

/** Some executions, and whether there are more below them. */
export interface Listed {
  readonly executions: Execution[];
  readonly hasMore: boolean;
}

/**
 * Up to `limit` executions, newest first, below the id `before`; fewer where their values are so large that an answer
 * would be, and at least one. The order is that of their ids, which grow with time; the index of the primary key is read
 * backwards, so a filter that few match reads far.
 */
export async function listExecutions(
  db: Executor,
  filters: ListFilters,
  { before, limit }: { before: string | null; limit: number },
): Promise<Listed> {
  const { states, queue, task, createdAfter, createdBefore } = filters;
  const rows = await db.execute<ExecutionRow & { found: number }>(sql`
    with page as (
      select e.id, e.attempt, e.state from mobula.executions e
      where (${before}::uuid is null or e.id < ${before})
        and (${states === null} or e.state = any(${list(states ?? [], 'mobula.execution_state')}))
        and (${queue}::text is null or e.queue = ${queue}) and (${task}::text is null or e.task = ${task})
        and (${createdAfter}::timestamptz is null or e.enqueued_at > ${createdAfter})
        and (${createdBefore}::timestamptz is null or e.enqueued_at < ${createdBefore})
      order by e.id desc limit ${limit + 1}
    ), weighed as (
      select p.id, count(*) over ()::integer as found, row_number() over newest as place,
        sum(octet_length(a.result)) over (newest rows between unbounded preceding and 1 preceding) as bytes_above
      from page p
      left join mobula.attempts a on a.execution_id = p.id and a.attempt = p.attempt and p.state = 'SUCCEEDED'
      window newest as (order by p.id desc)
    )
    select x.*, w.found from weighed w, lateral (${selectExecutions} where e.id = w.id) x
    where w.place <= ${limit} and coalesce(w.bytes_above, 0) < ${limits.listedBytes}
    order by x.id desc`);
  return { executions: rows.map(toExecution), hasMore: (rows[0]?.found ?? 0) > rows.length };
}

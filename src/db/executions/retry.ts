import { sql } from 'drizzle-orm';
import type { State } from '../../core/execution.ts';
import { type Executor, now, seconds, tableOf } from '../db.ts';
import { tally } from './tally.ts';

/** How many attempts an explicit retry grants: the task's own maximum, by its name, or the deployment's. */
export interface Grants {
  readonly byTask: ReadonlyMap<string, number>;
  readonly otherwise: number;
}

/**
 * Puts one FAILED, CANCELLED, LOST or EXPIRED execution back into its queue, due at once. `moved` false: its state (as
 * found) forbids it. Null: there is no such execution. A unique key that another holds by now is `unique_key_taken`.
 */
export async function retryExecution(
  db: Executor,
  id: string,
  grants: Grants,
): Promise<{ readonly before: State; readonly moved: boolean } | null> {
  const [row] = await db.execute<{ before: State; moved: boolean }>(sql`
    with found as materialized (select id, state, task from mobula.executions where id = ${id} for no key update),
    moved as (${requeue(sql`found`, grants)}),
    counted as (${tally(sql`moved`, { sign: -1 })})
    select f.state as before, m.id is not null as moved from found f left join moved m on true`);
  return row ?? null;
}

export interface ResetScope {
  readonly state: State;
  readonly queue: string | null;
  readonly task: string | null;
}

/**
 * The same for up to `limit` executions of the scope; answers how many, fewer than `limit` being the end. Of several with
 * one unique key the latest goes, and none whose key is held.
 */
export async function resetExecutions(db: Executor, scope: ResetScope, grants: Grants, limit: number): Promise<number> {
  const [row] = await db.execute<{ count: string | number }>(sql`
    with found as materialized (
      select e.id, e.state, e.task from mobula.executions e
      where e.finished_at is not null and e.state = ${scope.state}
        and (${scope.queue}::text is null or e.queue = ${scope.queue})
        and (${scope.task}::text is null or e.task = ${scope.task})
        and (e.unique_key is null or not exists (
          select from mobula.executions o
          where o.task = e.task and o.unique_key = e.unique_key
            and (o.state in ('QUEUED', 'RUNNING', 'CANCELLING')
              or (o.state = e.state and o.id > e.id and (${scope.queue}::text is null or o.queue = ${scope.queue})))))
      order by e.finished_at limit ${limit} for no key update skip locked
    ),
    moved as (${requeue(sql`found`, grants)}),
    counted as (${tally(sql`moved`, { sign: -1 })})
    select count(*) from moved`);
  return Number(row?.count ?? 0);
}

/** `found` has id, state and task of locked rows; those that may not be retried stay. Gives back the state they left. */
const requeue = (found: ReturnType<typeof sql>, { byTask, otherwise }: Grants) => sql`
  update mobula.executions e
  set state = 'QUEUED', ready = true, version = e.version + 1, epoch = e.epoch + 1, due_at = ${now}, run_after = null,
    finished_at = null, max_attempts = e.attempt + coalesce(g.attempts, ${otherwise}::integer),
    expires_at = ${now} + ${seconds(sql`e.queue_timeout_seconds`)}
  from ${found} f
  left join ${tableOf(toRows(byTask), { task: 'text', attempts: 'integer' })} as g(task, attempts) on g.task = f.task
  where e.id = f.id and f.state in ('FAILED', 'CANCELLED', 'LOST', 'EXPIRED')
  returning e.id, f.state`;

const toRows = (byTask: Grants['byTask']) => [...byTask].map(([task, attempts]) => ({ task, attempts }));

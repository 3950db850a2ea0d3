import { sql } from 'drizzle-orm';
import { type Executor, tableOf } from '../db.ts';
import type { Finish, Finished } from './finish.ts';

/**
 * Those of `finishes` that were written although their answer was lost: told from an end that somebody else gave the same
 * attempt by the error, which a sweep has of its own. Where the execution has moved on to another attempt it is missing.
 */
export async function findEnded(db: Executor, finishes: readonly Finish[]): Promise<Finished[]> {
  if (finishes.length === 0) return [];
  return db.execute<Finished>(sql`
    select e.id, e.state, e.task, e.queue, e.priority, a.attempt, a.runner,
      extract(epoch from a.ended_at - coalesce(a.begun_at, a.claimed_at))::float8 as "durationSeconds"
    from ${tableOf(finishes, { id: 'uuid', attempt: 'integer', error: 'text' })}
      as f(id, attempt, error)
    join mobula.attempts a on a.execution_id = f.id and a.attempt = f.attempt and a.error is not distinct from f.error
    join mobula.executions e on e.id = f.id and e.attempt = f.attempt`);
}

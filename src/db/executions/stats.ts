import { sql } from 'drizzle-orm';
import { type State, states } from '../../core/execution.ts';
import type { Executor } from '../db.ts';
import { now } from '../db.ts';

export interface QueueStats {
  readonly ready: number;
  readonly delayed: number;
  readonly running: number;
}

export interface Stats {
  /** Zero for states that nothing is in. */
  readonly states: Readonly<Record<State, number>>;
  /** Queues in which something is unfinished. */
  readonly queues: Readonly<Record<string, QueueStats>>;
  /** How long the oldest due execution has waited; null where none waits. Delayed ones do not count before they are due. */
  readonly oldestReadySeconds: number | null;
}

/**
 * How many executions are in which state, and where. What is final comes from tallies, so history costs nothing however
 * long it is; what is unfinished is counted in its indexes, so a backlog costs what it is.
 */
export async function readStats(db: Executor): Promise<Stats> {
  const [row] = await db.execute<{ final: string | null; open: string | null; oldest: number | null }>(sql`
    select
      (select json_object_agg(state, count)::text from (
        select state, sum(count) as count from mobula.final_tallies group by state) t) as final,
      (select json_agg(u)::text from (
        select queue, state, ready or due_at <= ${now} as due, count(*) as count from mobula.executions
        where state = 'QUEUED' group by 1, 2, 3
        union all
        select queue, state, false, count(*) from mobula.executions
        where state in ('RUNNING', 'CANCELLING') group by 1, 2) u) as open,
      (select extract(epoch from ${now} - min(due_at))::float8 from mobula.executions
        where state = 'QUEUED' and (ready or due_at <= ${now})) as oldest`);
  const open: { queue: string; state: State; due: boolean; count: number }[] = JSON.parse(row?.open ?? '[]');
  const counts: Partial<Record<State, number>> = JSON.parse(row?.final ?? '{}');
  const queues: Record<string, { ready: number; delayed: number; running: number }> = Object.create(null);
  for (const { queue, state, due, count } of open) {
    counts[state] = (counts[state] ?? 0) + count;
    queues[queue] ??= { ready: 0, delayed: 0, running: 0 };
    const word = state === 'QUEUED' ? (due ? 'ready' : 'delayed') : 'running';
    queues[queue][word] += count;
  }
  return {
    states: Object.fromEntries(states.map((state) => [state, counts[state] ?? 0])) as Record<State, number>,
    queues,
    oldestReadySeconds: row?.oldest ?? null,
  };
}

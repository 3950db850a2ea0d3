import { sql } from 'drizzle-orm';
import { type State, states } from '../../core/execution.ts';
import type { RunnerName } from '../../core/runner.ts';
import { type Executor, now } from '../db.ts';

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
  /** Values of which only the digest was kept, ever. */
  readonly digestOnly: number;
  readonly clusters: readonly ClusterStats[];
}

/** A cluster that was ever used. */
export interface ClusterStats {
  readonly runner: RunnerName;
  readonly cluster: string;
  /** Attempts in flight. */
  readonly running: number;
  /** It did not answer a moment ago. */
  readonly away: boolean;
}

interface OpenCount {
  readonly queue: string;
  readonly state: State;
  readonly due: boolean;
  readonly count: number;
  readonly waited: number | null;
}

interface Row {
  readonly final: string | null;
  readonly open: string | null;
  readonly digest_only: number;
  readonly clusters: string | null;
}

const waited = sql`extract(epoch from ${now} - min(due_at))::float8`;

/**
 * How many executions are in which state, and where. What is final comes from tallies, so history costs nothing however
 * long it is; what is unfinished is counted in its indexes, so a backlog costs what it is. Each condition is that of one
 * partial index, word for word: `QUEUED` alone is that of none, and would read the whole table.
 */
export async function readStats(db: Executor): Promise<Stats> {
  const [row] = await db.execute<Row>(sql`
    select
      (select coalesce(sum(digest_only), 0)::float8 from mobula.final_tallies) as digest_only,
      (select json_agg(json_build_object('runner', runner, 'cluster', cluster, 'running', running,
        'away', coalesce(away_until > ${now}, false)) order by runner, cluster)::text from mobula.capacity) as clusters,
      (select json_object_agg(state, count)::text from (
        select state, sum(count) as count from mobula.final_tallies group by state) t) as final,
      (select json_agg(u)::text from (
        select queue, state, true as due, count(*) as count, ${waited} as waited from mobula.executions
        where state = 'QUEUED' and ready group by 1, 2
        union all
        select queue, state, due_at <= ${now} as due, count(*), ${waited} from mobula.executions
        where state = 'QUEUED' and not ready group by 1, 2, 3
        union all
        select queue, state, false, count(*), null from mobula.executions
        where state in ('RUNNING', 'CANCELLING') and runner = 'inline' group by 1, 2
        union all
        select queue, state, false, count(*), null from mobula.executions
        where state in ('RUNNING', 'CANCELLING') and runner <> 'inline' group by 1, 2) u) as open`);
  const open: OpenCount[] = JSON.parse(row?.open ?? '[]');
  const counts: Partial<Record<State, number>> = JSON.parse(row?.final ?? '{}');
  const queues: Record<string, { ready: number; delayed: number; running: number }> = Object.create(null);
  let oldest: number | null = null;
  for (const { queue, state, due, count, waited: seconds } of open) {
    counts[state] = (counts[state] ?? 0) + count;
    queues[queue] ??= { ready: 0, delayed: 0, running: 0 };
    const word = state === 'QUEUED' ? (due ? 'ready' : 'delayed') : 'running';
    queues[queue][word] += count;
    if (word === 'ready') oldest = Math.max(oldest ?? 0, seconds ?? 0);
  }
  return {
    states: Object.fromEntries(states.map((state) => [state, counts[state] ?? 0])) as Record<State, number>,
    queues,
    oldestReadySeconds: oldest,
    digestOnly: row?.digest_only ?? 0,
    clusters: JSON.parse(row?.clusters ?? '[]'),
  };
}

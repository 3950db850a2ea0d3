import { sql } from 'drizzle-orm';
import type { RunnerName } from '../core/runner.ts';
import { type Executor, now, seconds } from './db.ts';

/** Notes that a cluster does not answer, for every invocation to see: nobody asks it again before `awaySeconds` are over. */
export async function openBreaker(
  db: Executor,
  { name, cluster }: { readonly name: RunnerName; readonly cluster: string },
  awaySeconds: number,
): Promise<void> {
  await db.execute(sql`
    insert into mobula.capacity (runner, cluster, away_until) values (${name}, ${cluster}, ${now} + ${seconds(awaySeconds)})
    on conflict (runner, cluster) do update set away_until = greatest(capacity.away_until, excluded.away_until)`);
}

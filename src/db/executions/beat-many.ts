import { sql } from 'drizzle-orm';
import { type Executor, isAmong, now, tableOf, unestimated } from '../db.ts';
import { isInFlight } from '../in-flight.ts';
import type { Beat } from './beat.ts';

/**
 * Notes of many attempts that their drivers live, each as `beatAttempt` does, in one statement. Answers in the order asked;
 * null is one that is over. Rows are locked by id, so that overlapping batches queue up.
 */
export async function beatAttempts(
  db: Executor,
  beats: readonly Beat[],
): Promise<({ readonly cancel: boolean } | null)[]> {
  const placed = beats.map((beat, place) => ({ ...beat, place }));
  const rows = await db.execute<{ place: number; cancel: boolean }>(sql`
    with asked as materialized (
      select * from ${tableOf(placed, { id: 'uuid', attempt: 'integer', nonce: 'uuid', progress: 'text', place: 'integer' })}
        as a(id, attempt, nonce, progress, place)
    ),
    current as materialized (
      select a.* from asked a join mobula.executions e on e.id = a.id
      where ${isAmong(sql`e.id`, sql`asked`)} and e.attempt = a.attempt and e.nonce = a.nonce and ${unestimated(isInFlight, sql`a`)}
      order by e.id for no key update of e
    )
    update mobula.executions e
    set beat_at = ${now}, progress = coalesce(c.progress, e.progress),
      version = e.version + case when c.progress is null then 0 else 1 end
    from current c
    where ${isAmong(sql`e.id`, sql`asked`)} and e.id = c.id and e.attempt = c.attempt and e.nonce = c.nonce and ${unestimated(isInFlight, sql`c`)}
    returning c.place, e.state = 'CANCELLING' as cancel`);
  const answers: ({ readonly cancel: boolean } | null)[] = beats.map(() => null);
  for (const { place, cancel } of rows) answers[place] = { cancel };
  return answers;
}

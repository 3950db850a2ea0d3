import { sql } from 'drizzle-orm';
import { type Executor, isAmong, now, tableOf, unestimated } from '../db.ts';
import { isInFlight } from '../in-flight.ts';

/** When an attempt is looked after again, and what was learned of it. */
export interface PlannedCheck {
  readonly id: string;
  readonly epoch: number;
  readonly afterSeconds: number;
  /** Ray calls the job finished: the grace for its outcome runs from the first time this was seen. */
  readonly rayEnded: boolean;
  /** The cluster incarnation that has accepted the job, where that is news. */
  readonly session: string | null;
}

const columns = {
  id: 'uuid',
  epoch: 'bigint',
  afterSeconds: 'double precision',
  rayEnded: 'boolean',
  session: 'text',
} as const;

/** Writes what a reconcile learned of attempts that go on; one that another call has taken since is left alone. */
export async function planChecks(db: Executor, checks: readonly PlannedCheck[]): Promise<void> {
  const rows = checks.toSorted((a, b) => (a.id < b.id ? -1 : 1)); // the order in which outcomes lock theirs
  await db.execute(sql`
    with c as materialized (
      select * from ${tableOf(rows, columns)} as c(id, epoch, after, ended, session)
    )
    update mobula.executions e
    set check_at = ${now} + make_interval(secs => c.after),
      ray_ended_at = case when not c.ended then null
        when e.ray_ended_at is null or e.beat_at > e.ray_ended_at then ${now} else e.ray_ended_at end,
      ray_session = coalesce(c.session, e.ray_session)
    from c
    where ${isAmong(sql`e.id`, sql`c`)} and e.id = c.id and e.epoch = c.epoch and ${unestimated(isInFlight, sql`c`)}`);
}

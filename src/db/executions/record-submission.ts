import { sql } from 'drizzle-orm';
import { type Executor, isAmong, now, seconds, tableOf, unestimated } from '../db.ts';
import { isInFlight } from '../in-flight.ts';

/** What became of one submission; `session` is null where the cluster gave no answer that can be trusted. */
export interface Submission {
  readonly id: string;
  readonly epoch: number;
  readonly session: string | null;
}

const isUnbegun = unestimated(sql`${isInFlight} and e.nonce is null`, sql`s`);

/**
 * Notes which attempts the cluster has accepted, and when to look after each. Rows that moved on meanwhile (a driver has
 * begun, somebody adopted the attempt) keep what they have. Repeatable; no observer sees a change. Rows are locked by id,
 * since the drivers of a batch begin in batches while this is written.
 */
export async function recordSubmissions(
  db: Executor,
  submissions: readonly Submission[],
  checkSeconds: { readonly accepted: number; readonly unknown: number },
): Promise<void> {
  await db.execute(sql`
    with s as materialized (
      select * from ${tableOf(submissions, { id: 'uuid', epoch: 'bigint', session: 'text' })} as s(id, epoch, session)
    ),
    unbegun as materialized (
      select e.id from mobula.executions e join s on e.id = s.id and e.epoch = s.epoch
      where ${isAmong(sql`e.id`, sql`s`)} and ${isUnbegun} order by e.id for no key update of e
    )
    update mobula.executions e
    set ray_session = s.session, holder = null,
      check_at = ${now} + case when s.session is null then ${seconds(checkSeconds.unknown)}
        else ${seconds(checkSeconds.accepted)} end
    from s join unbegun on unbegun.id = s.id
    where ${isAmong(sql`e.id`, sql`s`)} and e.id = s.id and e.epoch = s.epoch and ${isUnbegun}`);
}

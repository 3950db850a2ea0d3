import { type SQL, sql } from 'drizzle-orm';
import { type Executor, now, seconds } from './db.ts';
import { isHeld } from './in-flight.ts';

/**
 * Renews an invocation's lease over all that it holds. False means that it lapsed: what it held may belong to others
 * now, and it is never revived.
 */
export async function renewLease(db: Executor, invocationId: string, leaseSeconds: number): Promise<boolean> {
  const rows = await db.execute(sql`
    update mobula.invocations set lease_until = ${now} + ${seconds(leaseSeconds)}
    where id = ${invocationId} and lease_until > ${now} returning 1`);
  return rows.length > 0;
}

/**
 * Gives the lease up, unless an inline attempt is held: those are found by it alone, so it stays and lapses. Nor is it given
 * up where it was lengthened meanwhile, as a claim does whose rows this statement cannot see.
 */
export async function dropLease(db: Executor, invocationId: string): Promise<void> {
  await db.execute(sql`
    delete from mobula.invocations i
    where i.id = ${invocationId} and ${holdsNothing(sql`i.id`)}
      and i.lease_until = (select seen.lease_until from mobula.invocations seen where seen.id = ${invocationId})`);
}

/** Deletes the leases that have lapsed, where nothing is left of what they held. */
export async function dropDeadLeases(db: Executor): Promise<void> {
  await db.execute(sql`delete from mobula.invocations i where i.lease_until <= ${now} and ${holdsNothing(sql`i.id`)}`);
}

/** Said by a value and not by `exists`, which the planner may turn into a join with all that is held. */
export const holdsNothing = (invocation: SQL): SQL =>
  sql`(select 1 from mobula.executions e where e.holder = ${invocation} and ${isHeld} limit 1) is null`;

import { sql } from 'drizzle-orm';
import { type Executor, now, seconds } from './db.ts';

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

/** Gives the lease up once nothing is held any more. */
export async function dropLease(db: Executor, invocationId: string): Promise<void> {
  await db.execute(sql`delete from mobula.invocations where id = ${invocationId}`);
}

import { sql } from 'drizzle-orm';
import { type Executor, now, seconds } from '../db.ts';

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

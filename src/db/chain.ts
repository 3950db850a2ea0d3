import { sql } from 'drizzle-orm';
import { type Executor, now, seconds } from './db.ts';

/** The one chain there may be holds a lease as invocations do, under an id that none of them can have. */
const chainId = 'ffffffff-ffff-ffff-ffff-ffffffffffff';

/** Tells one link from all others, exactly and in the same letters on every connection. */
const stamp = sql.raw('extract(epoch from lease_until)::text');

const stampOf = (rows: readonly { stamp: string }[]): string | null => rows[0]?.stamp ?? null;

/** Begins the chain and answers its first stamp; null where one is live. */
export async function beginChain(db: Executor, leaseSeconds: number): Promise<string | null> {
  const rows = await db.execute<{ stamp: string }>(sql`
    insert into mobula.invocations as i (id, lease_until) values (${chainId}, ${now} + ${seconds(leaseSeconds)})
    on conflict (id) do update set lease_until = excluded.lease_until where i.lease_until <= ${now}
    returning ${stamp} as stamp`);
  return stampOf(rows);
}

/** Takes up the link of this stamp, which is then spent, and answers the next; null for all but the first who comes with it. */
export async function followChain(db: Executor, spent: string, leaseSeconds: number): Promise<string | null> {
  const rows = await db.execute<{ stamp: string }>(sql`
    update mobula.invocations set lease_until = ${now} + ${seconds(leaseSeconds)}
    where id = ${chainId} and ${stamp} = ${spent} and lease_until > ${now}
    returning ${stamp} as stamp`);
  return stampOf(rows);
}

/** Ends the chain, unless it has gone on: another may begin at once. */
export async function endChain(db: Executor, last: string): Promise<void> {
  await db.execute(sql`delete from mobula.invocations where id = ${chainId} and ${stamp} = ${last}`);
}

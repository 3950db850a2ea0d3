import { sql } from 'drizzle-orm';
import type { Executor } from './db.ts';
import { latestMigration } from './migrations.ts';

/** Whether the schema is the one this code was written for, or a newer one: those only add, so old code goes on. */
export async function isMigrated(db: Executor): Promise<boolean> {
  const [table] = await db.execute<{ found: boolean }>(
    sql`select to_regclass('mobula.migrations') is not null as found`,
  );
  if (!table?.found) return false;
  const [row] = await db.execute<{ current: string | number | null }>(
    sql`select max(created_at) as current from mobula.migrations`,
  );
  return Number(row?.current ?? 0) >= latestMigration;
}

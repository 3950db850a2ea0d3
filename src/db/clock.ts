import { sql } from 'drizzle-orm';
import { type Executor, now, toDate } from './db.ts';

/** The database's time, for what no other statement judges. */
export async function readClock(db: Executor): Promise<Date> {
  const [row] = await db.execute<{ now: Date | string }>(sql`select ${now} as now`);
  if (!row) throw new RangeError('A database without a clock.');
  return toDate(row.now);
}

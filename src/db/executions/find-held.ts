import { sql } from 'drizzle-orm';
import type { Executor } from '../db.ts';
import { isHeld } from '../in-flight.ts';

/** An inline attempt under an invocation's lease. */
export interface HeldAttempt {
  readonly id: string;
  readonly task: string;
  readonly attempt: number;
  readonly epoch: number;
}

/** The inline attempts that an invocation holds: how it learns what a claim took whose answer was lost. */
export async function findHeld(db: Executor, invocationId: string): Promise<HeldAttempt[]> {
  const rows = await db.execute<{ id: string; task: string; attempt: number; epoch: number | string }>(sql`
    select e.id, e.task, e.attempt, e.epoch from mobula.executions e where e.holder = ${invocationId} and ${isHeld}`);
  return rows.map((row) => ({ ...row, epoch: Number(row.epoch) }));
}

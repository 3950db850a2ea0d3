import { sql } from 'drizzle-orm';
import { type Executor, tableOf } from './db.ts';
import { insertExecutions, type NewExecution } from './executions/enqueue.ts';

/** When a schedule is due next, by the timetable it was planned with. */
export interface PlannedSchedule {
  readonly name: string;
  readonly timetable: string;
  /** Null where its timetable has no further instant. */
  readonly nextAt: Date | null;
}

/** Plans schedules that are new, or whose timetable is another one now; repeatable. */
export async function planSchedules(db: Executor, schedules: readonly PlannedSchedule[]): Promise<void> {
  await db.execute(sql`
    insert into mobula.schedules (name, timetable, next_at)
    select * from ${tableOf(schedules, { name: 'text', timetable: 'text', nextAt: 'timestamptz' })}
    on conflict (name) do update set timetable = excluded.timetable, next_at = excluded.next_at
    where schedules.timetable <> excluded.timetable`);
}

/**
 * Stores the execution of a due instant and moves the schedule on to `nextAt`, both or none: of any number of calls that
 * saw the same instant due, one stores. An unfinished execution with its `unique_key` lets the instant pass.
 */
export async function fireSchedule(
  db: Executor,
  { name, dueAt, nextAt }: { readonly name: string; readonly dueAt: Date; readonly nextAt: Date | null },
  row: NewExecution,
): Promise<boolean> {
  const move = sql`
    update mobula.schedules set next_at = ${nextAt} where name = ${name} and next_at = ${dueAt} returning 1`;
  const stored = await insertExecutions(db, [row], null, move);
  return stored.length > 0;
}

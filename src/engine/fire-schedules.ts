import { toJsonText } from '../core/json-value.ts';
import { messageOf } from '../core/observe.ts';
import type { ServedSchedule } from '../core/schedule.ts';
import type { Survey } from '../db/executions/survey.ts';
import { fireSchedule, type PlannedSchedule, planSchedules } from '../db/schedules.ts';
import type { Engine } from './engine.ts';
import { prepareExecution } from './prepare.ts';
import type { Report } from './report.ts';

interface DueSchedule {
  readonly schedule: ServedSchedule;
  readonly dueAt: Date;
}

/** What the deployment's schedules ask for, as a survey saw them. */
export interface ScheduleWork {
  /** New ones, and those whose timetable was changed: planned from now on, for what is past is not theirs. */
  readonly unplanned: readonly PlannedSchedule[];
  readonly due: readonly DueSchedule[];
  /** When the next of them is due; null where none is. */
  readonly nextAt: Date | null;
}

/** Compares the schedules with their stored plans; the instants are judged by the database's clock. */
export function findScheduleWork({ schedules }: Engine, { schedules: stored, seenAt }: Survey): ScheduleWork {
  const unplanned: PlannedSchedule[] = [];
  const due: DueSchedule[] = [];
  const instants: Date[] = [];
  for (const schedule of schedules) {
    const { name, timetable } = schedule;
    const plan = stored.get(name);
    const isPlanned = plan?.timetable === timetable;
    const nextAt = isPlanned ? plan.nextAt : schedule.next(seenAt);
    if (!isPlanned) unplanned.push({ name, timetable, nextAt });
    if (nextAt === null) continue;
    instants.push(nextAt);
    if (nextAt <= seenAt) due.push({ schedule, dueAt: nextAt });
  }
  return { unplanned, due, nextAt: instants.toSorted((a, b) => a.getTime() - b.getTime())[0] ?? null };
}

/**
 * Plans and fires schedules. After an outage the latest of the missed instants is fired and the others are passed over, as
 * cron lines mean "now", not "as often as". One whose input cannot be made stays due, and the others go on.
 */
export async function fireSchedules(
  engine: Engine,
  { unplanned, due }: ScheduleWork,
  { seenAt, report }: { seenAt: Date; report: Report },
): Promise<void> {
  if (unplanned.length > 0) await planSchedules(engine.db, unplanned);
  for (const { schedule, dueAt } of due) {
    const at = schedule.latest(seenAt) ?? dueAt;
    const row = await prepare(engine, schedule, at);
    if (!row) continue;
    const fired = await fireSchedule(engine.db, { name: schedule.name, dueAt, nextAt: schedule.next(at) }, row);
    if (fired) report.enqueued += 1;
  }
}

async function prepare(engine: Engine, schedule: ServedSchedule, at: Date) {
  const { name, task, queueName, priority, uniqueKey } = schedule;
  try {
    const input = toJsonText(await schedule.input(at));
    const metadata = JSON.stringify({ schedule: name, scheduled_at: at.toISOString() });
    return await prepareExecution(
      { task, request: { task: task.name, input, metadata, queueName, priority, uniqueKey } },
      engine,
    );
  } catch (error) {
    engine.log('error', 'schedule_failed', { schedule: name, at: at.toISOString(), reason: messageOf(error) });
    return null;
  }
}

import { Cron } from 'croner';
import type * as z from 'zod';
import type { AnyTask } from './task.ts';

type InputFor<T> = T extends { readonly input: infer Schema extends z.ZodType } ? z.input<Schema> : unknown;

/** An execution of one task at every instant that a cron line names. */
export interface Schedule<T extends AnyTask = AnyTask> {
  readonly task: T;
  /** Minute, hour, day of the month, month, day of the week: `0 3 * * *`. No call comes more often than `/run` is called. */
  readonly cron: string;
  /** An IANA name such as `Europe/Zurich`; UTC unless said. */
  readonly timeZone?: string;
  /** The task's input at the instant that is due; it may be asked more than once for the same one. */
  input(at: Date): InputFor<T> | Promise<InputFor<T>>;
  readonly queueName?: string;
  readonly priority?: number;
  /** While an execution with this key is unfinished, a due instant passes without another one. */
  readonly uniqueKey?: string;
}

/** The schedules of a deployment by name. */
export type Schedules = Readonly<Record<string, Schedule>>;

/** A schedule with its instants worked out. */
export interface ServedSchedule extends Schedule {
  readonly name: string;
  /** Changes whenever its instants do: a stored plan made by another one is void. */
  readonly timetable: string;
  /** The first instant after `instant`; null where there is none any more. */
  next(instant: Date): Date | null;
  /** The last instant up to `instant`, itself included; null where there was none. */
  latest(instant: Date): Date | null;
}

/** Works out a schedule's instants; a RangeError says in words what is wrong with its cron line or time zone. */
export function serveSchedule(name: string, schedule: Schedule): ServedSchedule {
  const { cron, timeZone = 'UTC' } = schedule;
  if (!isTimeZone(timeZone)) throw new RangeError(`has the time zone ${JSON.stringify(timeZone)}, which is unknown`);
  const instants = read(cron, timeZone);
  if (!instants?.nextRun(new Date(0)))
    throw new RangeError(`has the cron line ${JSON.stringify(cron)}, which names no instant`);
  return {
    ...schedule,
    name,
    timetable: `${cron} ${timeZone}`,
    next: (instant) => instants.nextRun(instant),
    // Croner looks strictly before its reference.
    latest: (instant) => instants.previousRuns(1, new Date(instant.getTime() + 1))[0] ?? null,
  };
}

function read(cron: string, timezone: string): Cron | null {
  try {
    return new Cron(cron, { timezone, mode: '5-part', paused: true });
  } catch {
    return null;
  }
}

function isTimeZone(timeZone: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

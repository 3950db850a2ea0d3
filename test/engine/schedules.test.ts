import { task } from 'mobula';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import type { Schedules } from '../../src/core/schedule.ts';
import { enqueue, useFresh } from '../support/fresh.ts';

const report = task({ name: 'report', input: z.object({ day: z.string() }), run: ({ day }) => day });
const fresh = useFresh([report]);
const daily: Schedules = {
  daily: { task: report, cron: '0 3 * * *', input: (at) => ({ day: at.toISOString().slice(0, 10) }) },
};
const make = (schedules: Schedules = daily) => fresh.make({ schedules });

type App = ReturnType<typeof fresh.make>;
const runOf = async (app: App) => (await app.call('POST', '/run', {})).body;
const planOf = async (name = 'daily') =>
  (await fresh.sql<{ next_at: Date }>('select next_at from mobula.schedules where name = $1', [name]))[0]?.next_at;
const executions = async (app: App) => (await app.call('GET', '/executions')).body.executions;

/** Lets a planned schedule have fallen due some days ago. */
const ageBy = (days: number) =>
  fresh.sql(`update mobula.schedules set next_at = next_at - make_interval(days => $1)`, [days]);

/** Three o'clock, UTC, on the latest day that has had it. */
const latestThree = () => {
  const three = new Date();
  three.setUTCHours(3, 0, 0, 0);
  if (three > new Date()) three.setUTCDate(three.getUTCDate() - 1);
  return three;
};

describe('a schedule', () => {
  test('begins with its next instant: what is past when it is first seen is not its own', async () => {
    const app = make();
    const body = await runOf(app);
    expect(body).toMatchObject({ enqueued: 0, processed: 0, remaining: false });
    const next = new Date(latestThree().getTime() + 86_400_000);
    expect(await planOf()).toEqual(next);
    expect(body.next_wake_at).toBe(next.toISOString());
    expect((await runOf(app)).next_wake_at).toBe(next.toISOString());
  });

  test('is enqueued and run by the call that finds it due, with the instant as its input', async () => {
    const app = make();
    await runOf(app);
    await ageBy(1);
    expect(await runOf(app)).toMatchObject({ enqueued: 1, processed: 1, completed: 1 });
    const [execution, ...others] = await executions(app);
    const at = latestThree();
    expect(others).toEqual([]);
    expect(execution).toMatchObject({
      state: 'SUCCEEDED',
      result: at.toISOString().slice(0, 10),
      metadata: { schedule: 'daily', scheduled_at: at.toISOString() },
    });
    expect(await runOf(app)).toMatchObject({ enqueued: 0 });
  });

  test('that was missed for days comes once, for the latest instant', async () => {
    const app = make();
    await runOf(app);
    await ageBy(6);
    expect(await runOf(app)).toMatchObject({ enqueued: 1, processed: 1 });
    expect((await executions(app)).map(({ result }: { result: string }) => result)).toEqual([
      latestThree().toISOString().slice(0, 10),
    ]);
    expect(await planOf()).toEqual(new Date(latestThree().getTime() + 86_400_000));
  });

  test('is enqueued once by any number of calls that find it due together', async () => {
    const app = make();
    await runOf(app);
    await ageBy(1);
    const bodies = await Promise.all(Array.from({ length: 8 }, () => runOf(make())));
    expect(bodies.reduce((sum, { enqueued }) => sum + enqueued, 0)).toBe(1);
    expect(await executions(app)).toHaveLength(1);
  });

  test('whose cron line was changed is planned anew, and owes nothing of the old one', async () => {
    await runOf(make());
    await ageBy(1);
    const app = make({ daily: { ...daily['daily'], cron: '0 4 * * *' } as Schedules[string] });
    expect(await runOf(app)).toMatchObject({ enqueued: 0 });
    expect((await planOf())?.getUTCHours()).toBe(4);
  });

  test('that a deployment no longer has is not enqueued, whatever is stored of it', async () => {
    await runOf(make());
    await ageBy(1);
    expect(await runOf(fresh.make())).toMatchObject({ enqueued: 0, next_wake_at: null });
  });

  test('with a unique key lets an instant pass while the execution of an earlier one is unfinished', async () => {
    const app = make({ daily: { ...daily['daily'], uniqueKey: 'report' } as Schedules[string] });
    await runOf(app);
    await enqueue(app, 'report', { day: 'long ago' }, { unique_key: 'report', delay_seconds: 60 });
    await ageBy(1);
    expect(await runOf(app)).toMatchObject({ enqueued: 0 });
    expect((await planOf())?.getTime()).toBeGreaterThan(Date.now());
  });

  test('whose input cannot be made stays due and is said in the log, and the others go on', async () => {
    const broken = {
      task: report,
      cron: '0 3 * * *',
      input: () => {
        throw new Error('There is no such day.');
      },
    };
    const app = make({ broken, ...daily });
    await runOf(app);
    await ageBy(1);
    expect(await runOf(app)).toMatchObject({ enqueued: 1, completed: 1 });
    expect(app.lines).toContainEqual({
      level: 'error',
      event: 'schedule_failed',
      members: { schedule: 'broken', at: latestThree().toISOString(), reason: 'There is no such day.' },
    });
    expect((await planOf('broken'))?.getTime()).toBeLessThan(Date.now());
    expect(await runOf(make({ broken: daily['daily'] as Schedules[string] }))).toMatchObject({ enqueued: 1 });
  });

  test('is refused at boot, all of them together, where its line is wrong or its task is another', () => {
    const other = task({ name: 'other', input: z.object({}), run: () => null });
    const wrong = {
      one: { task: report, cron: 'daily', input: () => ({ day: '' }) },
      two: { task: other, cron: '* * * * *', input: () => ({}) },
    };
    expect(() => make(wrong as Schedules)).toThrow(
      /one has the cron line "daily".*two names other, which is not among/,
    );
  });
});

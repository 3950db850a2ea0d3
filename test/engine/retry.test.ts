import { task } from 'mobula';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { enqueue, look, makeDue, useFresh } from '../support/fresh.ts';

class Refused extends RangeError {
  override readonly name = 'Refused';
}

let fails = Number.POSITIVE_INFINITY;
const never = { throws: 0 };
const none = z.object({});
const failing = (name: string, error: () => Error, retry = {}) =>
  task({
    name,
    input: none,
    retry,
    run: () => {
      never.throws += 1;
      if (never.throws <= fails) throw error();
      return 'at last';
    },
  });

const tasks = [
  failing('plain', () => new RangeError('plain')),
  failing('refused', () => new Refused('refused')),
  failing('never_range', () => new RangeError('r'), { never: ['RangeError'] }),
  failing('never_base', () => new Refused('r'), { never: ['RangeError'] }),
  failing('own', () => new Error('own'), { maxAttempts: 2, backoffSeconds: 7 }),
];
const fresh = useFresh(tasks);

type App = ReturnType<typeof fresh.make>;

/** Fails the next attempt, and answers how long the one after it waits. */
async function failOnce(app: App, id: string) {
  await makeDue(fresh, id);
  await app.call('POST', '/run', {});
  const [row] = await fresh.sql<{ wait: number }>(
    `select extract(epoch from e.due_at - a.ended_at)::float8 as wait from mobula.executions e
     join mobula.attempts a on a.execution_id = e.id and a.attempt = e.attempt where e.id = $1`,
    [id],
  );
  return row?.wait ?? Number.NaN;
}

async function start(app: App, name: string, wish = {}) {
  never.throws = 0;
  fails = Number.POSITIVE_INFINITY;
  return (await enqueue(app, name, {}, wish)).id as string;
}

describe('the wait before another attempt', () => {
  test('doubles from the base on, and ends at an hour', async () => {
    const app = fresh.make({ random: () => 0 });
    const id = await start(app, 'plain', { max_attempts: 10 });
    const waits = [];
    for (let n = 0; n < 8; n += 1) waits.push(Math.round(await failOnce(app, id)));
    expect(waits).toEqual([60, 120, 240, 480, 960, 1_920, 3_600, 3_600]);
  });

  test.each([
    [0, 100],
    [0.5, 90],
    [0.999_999, 80],
  ])('is shortened by chance, by a fifth at most: dice %d', async (dice, seconds) => {
    const app = fresh.make({ random: () => dice, env: { MOBULA_RETRY_BACKOFF_SECONDS: '100' } });
    const id = await start(app, 'plain');
    expect(await failOnce(app, id)).toBeCloseTo(seconds, 1);
  });

  test('is as long as the task says, if it says', async () => {
    const app = fresh.make({ random: () => 0 });
    expect(await failOnce(app, await start(app, 'own'))).toBeCloseTo(7, 1);
  });

  test('is none with a base of 0, and all attempts fit into a few runs', async () => {
    const app = fresh.make({ env: { MOBULA_RETRY_BACKOFF_SECONDS: '0' } });
    const id = await start(app, 'plain');
    fails = 2;
    for (let n = 0; n < 3; n += 1) await app.call('POST', '/run', {});
    expect(await look(app, id)).toMatchObject({ state: 'SUCCEEDED', attempt: 3, result: 'at last' });
  });

  test('keeps the execution from being claimed, and is shown as run_after', async () => {
    const app = fresh.make();
    const id = await start(app, 'plain');
    await app.call('POST', '/run', {});
    expect((await app.call('POST', '/run', {})).body.processed).toBe(0);
    const { run_after, last_attempted_at } = await look(app, id);
    expect(Date.parse(run_after) - Date.parse(last_attempted_at)).toBeGreaterThan(45_000);
  });
});

describe('how often', () => {
  test.each([
    ['the settings say', 'plain', {}, { env: { MOBULA_MAX_TASK_ATTEMPTS: '2' } }],
    ['the task says', 'own', {}, {}],
    ['the enqueue says', 'plain', { max_attempts: 2 }, {}],
  ])('%s: the first attempt included', async (_, name, wish, options) => {
    const app = fresh.make(options);
    const id = await start(app, name, wish);
    await app.call('POST', '/run', {});
    expect(await look(app, id)).toMatchObject({ state: 'QUEUED', attempt: 1, max_attempts: 2, finished_at: null });
    await makeDue(fresh, id);
    await app.call('POST', '/run', {});
    const done = await look(app, id);
    expect(done).toMatchObject({ state: 'FAILED', attempt: 2, finished_at: expect.any(String) });
    expect(done.attempts).toHaveLength(2);
    expect(never.throws).toBe(2);
  });
});

describe('what is never tried again', () => {
  test.each([
    ['what the settings deny', 'refused', { env: { MOBULA_RETRY_EXCEPTION_DENYLIST: 'Other,Refused' } }],
    ['what is derived from it', 'refused', { env: { MOBULA_RETRY_EXCEPTION_DENYLIST: 'RangeError' } }],
    ['what the task denies', 'never_range', {}],
    ['what is derived from that', 'never_base', {}],
  ])('%s', async (_, name, options) => {
    const app = fresh.make(options);
    const id = await start(app, name);
    await app.call('POST', '/run', {});
    expect(await look(app, id)).toMatchObject({
      state: 'FAILED',
      attempt: 1,
      max_attempts: 3,
      error: { retryable: false },
    });
  });

  test('and nothing else', async () => {
    const app = fresh.make({ env: { MOBULA_RETRY_EXCEPTION_DENYLIST: 'Range,Refuse' } });
    const id = await start(app, 'refused');
    await app.call('POST', '/run', {});
    expect(await look(app, id)).toMatchObject({ state: 'QUEUED', error: { type: 'Refused', retryable: true } });
  });
});

describe('the error', () => {
  test('of the last failed attempt stays while the next one waits and runs, and is gone with success', async () => {
    const app = fresh.make();
    const id = await start(app, 'plain');
    fails = 1;
    await app.call('POST', '/run', {});
    const waiting = await look(app, id);
    expect(waiting).toMatchObject({
      state: 'QUEUED',
      error: { type: 'RangeError', message: 'plain', retryable: true },
    });
    await fresh.sql(
      `update mobula.executions set state = 'RUNNING', ready = false, attempt = 2, check_at = now() + interval '1 hour' where id = $1`,
      [id],
    );
    expect((await look(app, id)).error).toEqual(waiting.error);
    await fresh.sql(`update mobula.executions set state = 'QUEUED', attempt = 1 where id = $1`, [id]);
    await makeDue(fresh, id);
    await app.call('POST', '/run', {});
    const done = await look(app, id);
    expect(done).toMatchObject({ state: 'SUCCEEDED', error: null });
    expect(done.attempts).toMatchObject([{ error: { type: 'RangeError' } }, { error: null }]);
  });
});

test('for an observer the version grows with every step, and (attempt, rank) never falls', async () => {
  const app = fresh.make();
  const id = await start(app, 'plain');
  fails = 1;
  const seen = [await look(app, id)];
  for (let n = 0; n < 2; n += 1) {
    await makeDue(fresh, id);
    await app.call('POST', '/run', {});
    seen.push(await look(app, id));
  }
  expect(seen.map(({ state, attempt }) => [attempt, state])).toEqual([
    [0, 'QUEUED'],
    [1, 'QUEUED'],
    [2, 'SUCCEEDED'],
  ]);
  const versions = seen.map(({ version }) => version);
  expect(versions).toEqual([...new Set(versions)].toSorted((a, b) => a - b));
});

import { task } from 'mobula';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { enqueue, look, useFresh } from '../support/fresh.ts';

let atOnce = 0;
let most = 0;
let onStart = () => {};
const seen: unknown[] = [];
const any = z.object({ value: z.unknown().optional() });
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Waits as code does that listens to its signal. */
const untilAborted = (signal: AbortSignal) =>
  new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(new Error(`aborted: ${signal.reason}`)), { once: true });
  });

const odd = (value: unknown) => () => {
  throw value;
};

const tasks = [
  task({ name: 'sync', input: any, run: ({ value }) => value }),
  task({ name: 'async', input: any, run: ({ value }) => sleep(5).then(() => value) }),
  task({ name: 'sees', input: any, run: (_, { id, attempt, signal }) => ({ id, attempt, aborted: signal.aborted }) }),
  task({
    name: 'crowd',
    input: any,
    run: async () => {
      atOnce += 1;
      most = Math.max(most, atOnce);
      await sleep(30);
      atOnce -= 1;
    },
  }),
  task({ name: 'nothing', input: any, run: () => undefined }),
  task({ name: 'big', input: any, run: () => ({ n: 2n ** 70n }) }),
  task({ name: 'listens', input: any, run: (_, { signal }) => untilAborted(signal) }),
  task({ name: 'deaf', input: any, run: () => sleep(2_500) }),
  task({ name: 'again', input: any, retry: { timedOut: true }, run: (_, { signal }) => untilAborted(signal) }),
  // An input is read as its attempt starts, and before the next one does.
  task({
    name: 'starts',
    input: any.refine(() => {
      onStart();
      return true;
    }),
    run: () => undefined,
  }),
  task({ name: 'measures', input: any, run: ({ value }) => [String(value).slice(0, 4), String(value).length] }),
  task({ name: 'takes', input: any, run: ({ value }) => sleep(Number(value)) }),
  task({
    name: 'reports',
    input: any,
    run: async (_, { progress }) => {
      for (const done of [0.25, 0.5, { done: 0.75 }]) {
        progress(done);
        await sleep(60);
      }
    },
  }),
  task({ name: 'reports_much', input: any, run: (_, { progress }) => progress('p'.repeat(5_000)) }),
  ...Object.entries({
    date: new Date(0),
    map: new Map(),
    nan: Number.NaN,
    function: () => 1,
    surrogate: '\ud800',
    nul: 'a\0b',
  }).map(([name, value]) => task({ name: `gives_${name}`, input: any, run: () => ({ value }) })),
  task({
    name: 'gives_cycle',
    input: any,
    run: () => {
      const a: unknown[] = [];
      a.push(a);
      return a;
    },
  }),
  ...Object.entries({
    text: 'just text',
    nothing: undefined,
    bare: Object.create(null),
    symbol: Symbol('s'),
    number: 5,
  }).map(([name, value]) => task({ name: `throws_${name}`, input: any, run: odd(value) })),
  task({
    name: 'throws_hostile',
    input: any,
    run: odd(Object.assign(new Error('m'), { name: 5, message: { not: 'text' }, stack: 7 })),
  }),
  task({ name: 'throws_nul', input: any, run: odd(new Error('cannot convert \\u0000 or \0 or \ud800 to text')) }),
  task({
    name: 'throws_long',
    input: any,
    run: odd(Object.assign(new Error('m'.repeat(100_000)), { name: 'N'.repeat(100_000) })),
  }),
];

const fresh = useFresh(tasks);

/** Runs one to its end and answers what a reader sees of it. */
async function runTask(name: string, input: unknown = {}, wish = {}, options = {}) {
  const app = fresh.make(options);
  const { id } = await enqueue(app, name, input, { max_attempts: 1, ...wish });
  await app.call('POST', '/run', {});
  return look(app, id);
}

describe('a value', () => {
  test.each(['sync', 'async'])('of %s code is stored', async (name) => {
    expect(await runTask(name, { value: [1] })).toMatchObject({ state: 'SUCCEEDED', result: [1] });
  });

  test('that is undefined is null', async () => {
    expect(await runTask('nothing')).toMatchObject({ state: 'SUCCEEDED', result: null, result_state: 'inline' });
  });

  test('of a bigint is an integer, whole', async () => {
    const { id } = await runTask('big');
    const { text } = await fresh.make().call('GET', `/executions/${id}/result`);
    expect(text).toBe(`{"n":${2n ** 70n}}`);
  });

  test.each(['date', 'map', 'nan', 'function', 'surrogate', 'nul', 'cycle'])(
    'that JSON cannot say is a TypeError that is not retried: %s',
    async (kind) => {
      const done = await runTask(`gives_${kind}`, {}, { max_attempts: 3 });
      expect(done).toMatchObject({ state: 'FAILED', attempt: 1, error: { type: 'TypeError', retryable: false } });
      const { status } = await fresh.make().call('GET', `/status/${done.id}`);
      expect(status).toBe(200);
    },
  );
});

describe('what is thrown', () => {
  test.each([
    ['text', { type: 'Error', message: 'just text' }],
    ['nothing', { type: 'Error', message: 'undefined' }],
    ['number', { type: 'Error', message: '5' }],
    ['symbol', { type: 'Error', message: 'Symbol(s)' }],
    ['bare', { type: 'Error' }],
    ['hostile', { type: '5' }],
    ['nul', { type: 'Error', message: expect.stringContaining('\\u0000') }],
  ])('is an error, whatever it is: %s', async (name, error) => {
    expect(await runTask(`throws_${name}`)).toMatchObject({ state: 'FAILED', error });
  });

  test('is bounded', async () => {
    const { error } = await runTask('throws_long');
    expect(error.type.length).toBeLessThanOrEqual(200);
    expect(error.message.length).toBeLessThanOrEqual(4_096);
    expect(error.traceback.length).toBeLessThanOrEqual(32_768);
  });
});

describe('the context', () => {
  test('has the id and the number of the attempt', async () => {
    const { id, result } = await runTask('sees');
    expect(result).toEqual({ id, attempt: 1, aborted: false });
  });

  test('counts the attempts', async () => {
    const app = fresh.make();
    const { id } = await enqueue(app, 'sees', {});
    await fresh.sql('update mobula.executions set attempt = 1 where id = $1', [id]);
    await app.call('POST', '/run', {});
    expect((await look(app, id)).result).toEqual({ id, attempt: 2, aborted: false });
  });

  test('takes progress, the latest of which is seen while the code runs', async () => {
    const app = fresh.make();
    const { id } = await enqueue(app, 'reports', {});
    const running = app.call('POST', '/run', {});
    seen.length = 0;
    await expect
      .poll(
        async () => {
          const { progress } = await look(app, id);
          if (progress !== seen.at(-1)) seen.push(progress);
          return progress;
        },
        { interval: 15 },
      )
      .toEqual({ done: 0.75 });
    await running;
    expect(seen).toContain(0.5);
    expect((await look(app, id)).progress).toEqual({ done: 0.75 });
  });

  test('takes no more than 4 KiB of progress', async () => {
    expect(await runTask('reports_much')).toMatchObject({ state: 'FAILED', error: { type: 'RangeError' } });
  });
});

describe('side by side', () => {
  test('there are never more at once than the concurrency', async () => {
    const app = fresh.make({ env: { MOBULA_DEFAULT_CONCURRENCY: '4' } });
    most = 0;
    await app.call('POST', '/tasks/batch', { tasks: Array.from({ length: 14 }, () => ({ task: 'crowd', input: {} })) });
    expect((await app.call('POST', '/run', {})).body.completed).toBe(14);
    expect(most).toBe(4);
  });
});

describe('the run deadline', () => {
  test('aborts the code, ends as TimedOut, and is not retried', async () => {
    const done = await runTask('listens', {}, { timeout_seconds: 0.2, max_attempts: 3 });
    expect(done).toMatchObject({ state: 'FAILED', attempt: 1, error: { type: 'TimedOut', retryable: false } });
  });

  test('is retried where the task says so', async () => {
    const done = await runTask('again', {}, { timeout_seconds: 0.2, max_attempts: 2 });
    expect(done).toMatchObject({ state: 'QUEUED', attempt: 1, error: { type: 'TimedOut', retryable: true } });
  });

  test('ends the attempt of code that does not listen, soon after', async () => {
    const startedAt = performance.now();
    const done = await runTask('deaf', {}, { timeout_seconds: 0.2 });
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    expect(done).toMatchObject({ state: 'FAILED', error: { type: 'TimedOut' } });
  });

  test('comes from the task and from the settings too', async () => {
    const done = await runTask('listens', {}, {}, { env: { MOBULA_TASK_TIMEOUT_SECONDS: '0.2' } });
    expect(done.error.type).toBe('TimedOut');
  });

  test('may be longer than a timer can count', async () => {
    const done = await runTask('takes', { value: 50 }, { timeout_seconds: 365 * 86_400 });
    expect(done).toMatchObject({ state: 'SUCCEEDED' });
  });
});

describe('the time of the call', () => {
  test('ends what still runs: it is told by its signal, and tried again', async () => {
    const done = await runTask('listens', {}, { max_attempts: 2 }, { callSeconds: 0.5 });
    expect(done).toMatchObject({ state: 'QUEUED', attempt: 1 });
    expect(done.error.message).toContain('budget_spent');
  });

  test('does not wait for code that does not listen', async () => {
    const startedAt = performance.now();
    const done = await runTask('deaf', {}, { max_attempts: 2 }, { callSeconds: 0.5 });
    expect(performance.now() - startedAt).toBeLessThan(2_200);
    expect(done).toMatchObject({ state: 'QUEUED', error: { type: 'Lost' } });
  });
});

describe('large inputs', () => {
  test('do not come with their claims, are run by one call all the same, and have their own values', async () => {
    const app = fresh.make();
    const texts = Array.from({ length: 24 }, (_, n) => String(n).repeat(1_000_000 / String(n).length));
    for (const value of texts) await enqueue(app, 'measures', { value });
    const { body } = await app.call('POST', '/run', {});
    expect(body).toMatchObject({ processed: 24, completed: 24, retried: 0 });
    const { executions } = (await app.call('GET', '/executions')).body;
    expect(executions.map(({ result }: { result: unknown }) => result).toReversed()).toEqual(
      texts.map((text) => [text.slice(0, 4), text.length]),
    );
  });
});

describe('the end of the process', () => {
  test('lets finish what runs and hands back what was claimed and not started, at no attempt of its own', async () => {
    const closing = new AbortController();
    const app = fresh.make({ closing: closing.signal });
    const ids = [];
    for (const name of ['takes', 'starts', ...Array(6).fill('takes')])
      ids.push((await enqueue(app, name, { value: 10 })).id);
    onStart = () => closing.abort();
    expect((await app.call('POST', '/run', {})).body).toMatchObject({ processed: 8, completed: 2, retried: 0 });
    const tasks = await Promise.all(ids.map((id) => look(fresh.make(), id)));
    expect(tasks.slice(0, 2)).toMatchObject(Array(2).fill({ state: 'SUCCEEDED', attempt: 1 }));
    expect(tasks.slice(2)).toMatchObject(Array(6).fill({ state: 'QUEUED', attempt: 1, max_attempts: 4 }));
  });

  test('claims nothing more', async () => {
    const closing = new AbortController();
    closing.abort();
    const app = fresh.make({ closing: closing.signal });
    await enqueue(app, 'sync', {});
    expect((await app.call('POST', '/run', {})).body).toMatchObject({ processed: 0, remaining: true });
  });
});

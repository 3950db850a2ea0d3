import { task } from 'mobula';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { enqueue, expectProblem, look, useFresh } from '../support/fresh.ts';
import { tasks } from './tasks.ts';

const exact = task({
  name: 'exact',
  input: z.object({ n: z.bigint() }),
  run: ({ n }) => n + 1n,
});
const ofMail = task({
  name: 'of_mail',
  input: z.object({}),
  queueName: 'mail',
  priority: -7,
  retry: { maxAttempts: 9 },
  queueTimeoutSeconds: 60,
  run: () => null,
});

const fresh = useFresh([...tasks, exact]);
const withMail = { tasks: [ofMail], env: { MOBULA_QUEUES: 'default,mail' } };

const post = (app: ReturnType<typeof fresh.make>, body: unknown, headers = {}) =>
  app.call('POST', '/tasks', body, { token: 'enqueue', headers: { 'content-type': 'application/json', ...headers } });

describe('enqueuing', () => {
  test('is answered with the execution, where its status is, and a token for it', async () => {
    const { status, body } = await post(fresh.make(), { task: 'note', input: { value: 1 } });
    expect(status).toBe(201);
    expect(body.task).toMatchObject({
      task: 'note',
      state: 'QUEUED',
      status: 'READY',
      attempt: 0,
      queue_name: 'default',
      priority: 0,
    });
    expect(body.task).toMatchObject({
      started_at: null,
      finished_at: null,
      last_attempted_at: null,
      run_after: null,
      max_attempts: 3,
    });
    expect(body.task.id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(body.status_url).toBe(`http://127.0.0.1:9/status/${body.task.id}`);
    expect(body.status_token).toEqual(expect.any(String));
  });

  test('answers what a later look shows', async () => {
    const app = fresh.make();
    const wish = { priority: 3, metadata: { a: 1 }, delay_seconds: 90, max_attempts: 7 };
    const made = await enqueue(app, 'note', { value: 1 }, wish);
    expect({ ...(await look(app, made.id)), attempts: undefined, poll_after_ms: 0 }).toEqual({
      ...made,
      poll_after_ms: 0,
    });
  });

  test.each([-100, 0, 100])('takes the priority %i', async (priority) => {
    const { body } = await post(fresh.make(), { task: 'note', input: { value: 1 }, priority });
    expect(body.task.priority).toBe(priority);
  });

  test('takes every option, and what it leaves out comes from the task', async () => {
    const app = fresh.make(withMail);
    const plain = await enqueue(app, 'of_mail', {});
    expect(plain).toMatchObject({ queue_name: 'mail', priority: -7, max_attempts: 9 });
    const wish = {
      queue_name: 'default',
      priority: 1,
      max_attempts: 2,
      timeout_seconds: 5.5,
      queue_timeout_seconds: 30.5,
    };
    const own = await enqueue(app, 'of_mail', {}, { ...wish, unique_key: 'k', metadata: { m: 1 } });
    expect(own).toMatchObject({ queue_name: 'default', priority: 1, max_attempts: 2, metadata: { m: 1 } });
    const rows = await fresh.sql(
      `select timeout_seconds as run, extract(epoch from expires_at - enqueued_at)::float8 as queue from mobula.executions order by id`,
    );
    expect(rows).toEqual([
      { run: null, queue: 60 },
      { run: 5.5, queue: 30.5 },
    ]);
  });

  test('a null option is none at all', async () => {
    const nulls = Object.fromEntries(
      [
        'queue_name',
        'priority',
        'run_after',
        'delay_seconds',
        'timeout_seconds',
        'queue_timeout_seconds',
        'max_attempts',
        'unique_key',
        'metadata',
      ].map((name) => [name, null]),
    );
    const { status, body } = await post(fresh.make(), { task: 'note', input: { value: 1 }, ...nulls });
    expect([status, body.task.priority, body.task.metadata]).toEqual([201, 0, null]);
  });

  test('run_after is an instant of any zone, and delay_seconds is counted from the enqueue', async () => {
    const app = fresh.make();
    const at = await enqueue(app, 'note', { value: 1 }, { run_after: '2099-01-01T02:00:00.123+02:00' });
    expect(at.run_after).toBe('2099-01-01T00:00:00.123Z');
    const delayed = await enqueue(app, 'note', { value: 1 }, { delay_seconds: 1.5 });
    expect(Date.parse(delayed.run_after) - Date.parse(delayed.enqueued_at)).toBe(1_500);
  });

  test('a run_after that has passed is due at once', async () => {
    const app = fresh.make();
    const { id } = await enqueue(app, 'note', { value: 1 }, { run_after: '2001-01-01T00:00:00Z' });
    expect((await app.call('POST', '/run', {})).body.tasks).toMatchObject([{ id, state: 'SUCCEEDED' }]);
  });

  test('with `*` any queue may be named', async () => {
    const app = fresh.make({ env: { MOBULA_QUEUES: '*' } });
    const { id } = await enqueue(app, 'note', { value: 1 }, { queue_name: 'müll/ä b' });
    expect((await app.call('POST', '/run', { queue_name: 'müll/ä b' })).body.tasks).toMatchObject([{ id }]);
  });

  test('without a secret there is no token, and without an address of its own the status is at a path', async () => {
    const app = fresh.make({
      env: { MOBULA_SECRET: undefined, MOBULA_PUBLIC_URL: undefined },
      basePath: '/tools/mobula',
    });
    const wish = { task: 'note', input: { value: 1 } };
    const { body } = await app.call('POST', '/tools/mobula/tasks', wish, { headers: { host: 'evil.example' } });
    expect([body.status_token, body.status_url]).toEqual([null, `/tools/mobula/status/${body.task.id}`]);
    const batch = await app.call('POST', '/tools/mobula/tasks/batch', { tasks: [wish] });
    const [first] = batch.body.tasks;
    expect(first.status_url).toBe(`/tools/mobula/status/${first.task.id}`);
  });
});

describe('what a producer wrote stays as it was written', () => {
  const value = '{"z":1,"a":[9007199254740993,-0.0,1e5,1.10],"10":null,"9":"ä🦈\\"\\\\\\n","é":"\\u007f"}';

  test('input and result, byte for byte', async () => {
    const app = fresh.make();
    const { body } = await post(app, `{ "task":"note", "input":\t{"value": ${value}} }`);
    const [row] = await fresh.sql<{ input: string }>('select input from mobula.inputs');
    expect(row?.input).toBe(`{"value":${value}}`);
    expect(body.task).not.toHaveProperty('input');
  });

  test('metadata, byte for byte, in every answer', async () => {
    const app = fresh.make();
    const sent = await post(app, `{"task":"note","input":{"value":1},"metadata":${value}}`);
    expect(sent.text).toContain(`"metadata":${value}`);
    const path = `/executions/${sent.body.task.id}`;
    expect((await app.call('GET', path)).text).toContain(`"metadata":${value}`);
    expect((await app.call('POST', '/run-one')).text).toContain(`"metadata":${value}`);
  });

  test('white space and escapes that say nothing are left out', async () => {
    await post(fresh.make(), '{"task":"note","input":{ "value" : [ "\\u00e4\\u0041\\/" , 1 ] }}');
    const [row] = await fresh.sql<{ input: string }>('select input from mobula.inputs');
    expect(JSON.parse(row?.input ?? '')).toEqual({ value: ['äA/', 1] });
    expect(row?.input).toContain('ä');
    expect(row?.input).not.toContain(' ');
  });

  test('an integer that a double cannot hold reaches a task that takes bigints, and comes back whole', async () => {
    const app = fresh.make();
    const { body } = await post(app, '{"task":"exact","input":{"n":9007199254740993}}');
    await app.call('POST', '/run', {});
    const answer = await app.call('GET', `/status/${body.task.id}`);
    expect(answer.text).toContain('"result":9007199254740994,');
    expect((await app.call('GET', `/executions/${body.task.id}/result`)).text).toBe('9007199254740994');
  });
});

describe('unique_key', () => {
  test('is met by the unfinished execution of that task, without its token', async () => {
    const app = fresh.make();
    const wish = { task: 'note', input: { value: 1 }, unique_key: 'only one' };
    const first = await post(app, wish);
    const second = await post(app, { ...wish, input: { value: 2 } });
    expect([second.status, second.body.task.id, second.body.status_token]).toEqual([200, first.body.task.id, null]);
    expect((await post(app, { ...wish, task: 'fail', input: {} })).status).toBe(201);
    expect((await post(app, { ...wish, unique_key: 'another' })).status).toBe(201);
  });

  test('is free again when that one has finished', async () => {
    const app = fresh.make();
    const wish = { task: 'note', input: { value: 1 }, unique_key: 'k' };
    const first = await post(app, wish);
    await app.call('POST', '/run', {});
    const second = await post(app, wish);
    expect([second.status, second.body.task.id === first.body.task.id]).toEqual([201, false]);
  });

  test('of twenty at once one is stored', async () => {
    const app = fresh.make();
    const wish = { task: 'note', input: { value: 1 }, unique_key: 'k' };
    const answers = await Promise.all(Array.from({ length: 20 }, () => post(app, wish)));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    expect(new Set(answers.map(({ body }) => body.task.id)).size).toBe(1);
  });
});

test('a database that is away is 503, and nothing is acknowledged', async () => {
  const answer = await post(fresh.make({ url: 'postgres://nobody@127.0.0.1:1/none' }), {
    task: 'note',
    input: { value: 1 },
  });
  expectProblem(answer, 503, 'database_unavailable');
  expect(answer.headers.get('retry-after')).not.toBeNull();
});

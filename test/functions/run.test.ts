import { task } from 'mobula';
import { Client } from 'pg';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { findFreePort } from '../../infra/local/free-port.ts';
import { enqueue, expectProblem, look, makeDue, useFresh } from '../support/fresh.ts';

const ran: unknown[] = [];
const note = task({
  name: 'note',
  input: z.object({ value: z.unknown() }),
  run: ({ value }) => {
    ran.push(value);
    return value;
  },
});
const fail = task({
  name: 'fail',
  input: z.object({}),
  run: () => {
    throw new RangeError('It cannot be.');
  },
});
const pause = task({
  name: 'pause',
  input: z.object({ ms: z.number() }),
  run: ({ ms }) => new Promise((resolve) => setTimeout(resolve, ms)),
});

const fresh = useFresh([note, fail, pause]);
const oneAtATime = { env: { MOBULA_DEFAULT_CONCURRENCY: '1', MOBULA_QUEUES: '*' } };
const threeQueues = { env: { MOBULA_QUEUES: 'default,mail,slow' } };
const form = (text: string) => [text, { headers: { 'content-type': 'application/x-www-form-urlencoded' } }] as const;

const nothing = {
  processed: 0,
  tasks: [],
  submitted: 0,
  completed: 0,
  retried: 0,
  recovered: 0,
  expired: 0,
  enqueued: 0,
  remaining: false,
  next_wake_at: null,
  ray: 'none',
};

describe('what a run does', () => {
  test('an empty queue is nothing processed', async () => {
    const { status, body } = await fresh.make().call('POST', '/run', {});
    expect([status, body]).toEqual([200, nothing]);
  });

  test('what is due is run, and each is listed with its id, task, state and status', async () => {
    const app = fresh.make();
    const one = await enqueue(app, 'note', { value: 1 });
    const two = await enqueue(app, 'note', { value: 2 });
    const { body } = await app.call('POST', '/run', {});
    const done = { task: 'note', state: 'SUCCEEDED', status: 'SUCCESSFUL' };
    const tasks = [
      { id: one.id, ...done },
      { id: two.id, ...done },
    ];
    expect(body).toEqual({ ...nothing, processed: 2, completed: 2, tasks });
  });

  test('a claim sets the attempt and its times, and only the first one started_at', async () => {
    const app = fresh.make();
    const { id } = await enqueue(app, 'fail', {});
    await app.call('POST', '/run', {});
    const first = await look(app, id);
    await makeDue(fresh, id);
    await app.call('POST', '/run', {});
    const second = await look(app, id);
    expect([first.attempt, second.attempt]).toEqual([1, 2]);
    expect(second.started_at).toBe(first.started_at);
    expect(second.last_attempted_at > first.last_attempted_at).toBe(true);
  });

  test('a failing task is listed and does not keep later ones from running', async () => {
    const app = fresh.make(oneAtATime);
    const failing = await enqueue(app, 'fail', {}, { max_attempts: 1 });
    const later = await enqueue(app, 'note', { value: 1 });
    const { status, body } = await app.call('POST', '/run', {});
    expect(status).toBe(200);
    expect(body).toMatchObject({ processed: 2, completed: 2, retried: 0 });
    expect(body.tasks).toMatchObject([
      { id: failing.id, state: 'FAILED', status: 'FAILED' },
      { id: later.id, state: 'SUCCEEDED' },
    ]);
  });

  test('a failure that another attempt follows counts as retried, not as completed', async () => {
    const app = fresh.make();
    await enqueue(app, 'fail', {});
    const { body } = await app.call('POST', '/run', {});
    expect(body).toMatchObject({
      processed: 1,
      completed: 0,
      retried: 1,
      tasks: [{ state: 'QUEUED', status: 'READY' }],
    });
  });

  test('an execution whose task is not registered any more is FAILED and never run, and the others go on', async () => {
    const app = fresh.make(oneAtATime);
    const orphan = await enqueue(app, 'note', { value: 'orphan' });
    await fresh.sql(`update mobula.executions set task = 'os.system' where id = $1`, [orphan.id]);
    const other = await enqueue(app, 'note', { value: 'other' });
    ran.length = 0;
    const { body } = await app.call('POST', '/run', {});
    expect(body.tasks).toMatchObject([
      { id: orphan.id, state: 'FAILED' },
      { id: other.id, state: 'SUCCEEDED' },
    ]);
    expect(ran).toEqual(['other']);
    expect((await look(app, orphan.id)).error).toMatchObject({ type: 'UnknownTask', retryable: false });
  });

  test('a row that another session has locked is passed over, and those behind it run', async () => {
    const app = fresh.make();
    const locked = await enqueue(app, 'note', { value: 1 });
    const behind = await enqueue(app, 'note', { value: 2 });
    const other = new Client({ connectionString: fresh.url() });
    await other.connect();
    await other.query('begin');
    await other.query('select 1 from mobula.executions where id = $1 for update', [locked.id]);
    const { body } = await app.call('POST', '/run', {});
    await other.end();
    expect(body.tasks).toMatchObject([{ id: behind.id, state: 'SUCCEEDED' }]);
  });

  test('what waited past its queue timeout is expired, counted, and not run', async () => {
    const app = fresh.make();
    const { id } = await enqueue(app, 'note', { value: 1 });
    await fresh.sql(`update mobula.executions set expires_at = now() where id = $1`, [id]);
    const { body } = await app.call('POST', '/run', {});
    expect(body).toMatchObject({ processed: 0, expired: 1, completed: 1 });
    expect(await look(app, id)).toMatchObject({ state: 'EXPIRED', status: 'FAILED', attempt: 0 });
  });

  test('only the first thousand are listed', async () => {
    const app = fresh.make({ env: { MOBULA_DEFAULT_CONCURRENCY: '1000' } });
    const tasks = Array.from({ length: 600 }, () => ({ task: 'note', input: { value: 1 } }));
    for (let half = 0; half < 2; half += 1) await app.call('POST', '/tasks/batch', { tasks });
    const { body } = await app.call('POST', '/run', {});
    expect(body).toMatchObject({ processed: 1_200, completed: 1_200 });
    expect(body.tasks).toHaveLength(1_000);
  });
});

describe('order and delay', () => {
  test('the higher priority runs first over the whole range, and equals in the order of their enqueue', async () => {
    const app = fresh.make(oneAtATime);
    for (const priority of [0, -100, 7, 100, 6, 0]) {
      await enqueue(app, 'note', { value: ran.length }, { priority, metadata: { priority } });
    }
    const ids = (
      await fresh.sql<{ id: string }>('select id from mobula.executions order by priority desc, enqueued_at')
    ).map(({ id }) => id);
    const { body } = await app.call('POST', '/run', {});
    expect(body.tasks.map(({ id }: { id: string }) => id)).toEqual(ids);
  });

  test('at equal priority the one that was due first runs first, whether it was delayed or not', async () => {
    const app = fresh.make(oneAtATime);
    const immediate = await enqueue(app, 'note', { value: 1 });
    const deferred = await enqueue(app, 'note', { value: 2 }, { delay_seconds: 60 });
    await fresh.sql(`update mobula.executions set due_at = $2::timestamptz - interval '1 second' where id = $1`, [
      deferred.id,
      immediate.enqueued_at,
    ]);
    const { body } = await app.call('POST', '/run', {});
    expect(body.tasks.map(({ id }: { id: string }) => id)).toEqual([deferred.id, immediate.id]);
  });

  test('a delayed one is left alone until it is due, and is then run', async () => {
    const app = fresh.make();
    const { id, run_after } = await enqueue(app, 'note', { value: 'later' }, { delay_seconds: 3_600 });
    const early = await app.call('POST', '/run', {});
    expect(early.body).toEqual({ ...nothing, next_wake_at: run_after });
    await makeDue(fresh, id);
    const due = await app.call('POST', '/run', {});
    expect(due.body).toMatchObject({ processed: 1, tasks: [{ id, state: 'SUCCEEDED' }] });
  });

  test('one that was delayed for longer than anything is kept still has its input and metadata', async () => {
    const app = fresh.make();
    const { id } = await enqueue(
      app,
      'note',
      { value: 'old' },
      { delay_seconds: 200 * 86_400, metadata: { of: 'long ago' } },
    );
    await fresh.sql(`update mobula.executions set enqueued_at = now() - interval '200 days' where id = $1`, [id]);
    await app.call('POST', '/purge', { days: 0 });
    await makeDue(fresh, id);
    await app.call('POST', '/run', {});
    expect(await look(app, id)).toMatchObject({ state: 'SUCCEEDED', result: 'old', metadata: { of: 'long ago' } });
  });
});

describe('which queues', () => {
  const fill = async (app: ReturnType<typeof fresh.make>) => {
    for (const queue_name of ['default', 'mail', 'slow'])
      await enqueue(app, 'note', { value: queue_name }, { queue_name });
    ran.length = 0;
  };

  test.each([
    ['one by its name', { queue_name: 'mail' }, ['mail']],
    ['several as a list', { queue_name: ['slow', 'default'] }, ['default', 'slow']],
    ['all without a filter', {}, ['default', 'mail', 'slow']],
    ['all with an empty list', { queue_name: [] }, ['default', 'mail', 'slow']],
    ['all with a null', { queue_name: null }, ['default', 'mail', 'slow']],
  ])('runs %s', async (_, body, expected) => {
    const app = fresh.make(threeQueues);
    await fill(app);
    const answer = await app.call('POST', '/run', body);
    expect(answer.body.processed).toBe(expected.length);
    expect(ran.toSorted()).toEqual(expected);
    const left = await fresh.sql(`select 1 from mobula.executions where state = 'QUEUED'`);
    expect(left).toHaveLength(3 - expected.length);
  });

  test.each([
    ['one key', 'queue_name=mail&max_tasks=5', ['mail']],
    ['a repeated key as a list', 'queue_name=mail&queue_name=slow', ['mail', 'slow']],
  ])('takes a form with %s', async (_, text, expected) => {
    const app = fresh.make(threeQueues);
    await fill(app);
    const [body, options] = form(text);
    const answer = await app.call('POST', '/run', body, options);
    expect(answer.status, answer.text).toBe(200);
    expect(ran.toSorted()).toEqual(expected);
  });

  test('a queue that is not allowed is refused by its field', async () => {
    expectProblem(await fresh.make().call('POST', '/run', { queue_name: 'mial' }), 422, 'unknown_queue', 'queue_name');
  });
});

describe('when it stops, and what remains', () => {
  test('max_tasks bounds what is claimed, and says that more remains', async () => {
    const app = fresh.make();
    for (let n = 0; n < 3; n += 1) await enqueue(app, 'note', { value: n });
    const first = await app.call('POST', '/run', { max_tasks: 2 });
    expect(first.body).toMatchObject({ processed: 2, remaining: true });
    const waiting = await fresh.sql(`select 1 from mobula.executions where state = 'QUEUED'`);
    expect(waiting).toHaveLength(1);
    const second = await app.call('POST', '/run', { max_tasks: 1 });
    expect(second.body).toMatchObject({ processed: 1, remaining: false });
  });

  test('max_tasks 0 is as many as fit', async () => {
    const app = fresh.make();
    for (let n = 0; n < 12; n += 1) await enqueue(app, 'note', { value: n });
    expect((await app.call('POST', '/run', { max_tasks: 0 })).body).toMatchObject({ processed: 12, remaining: false });
  });

  test('nothing remains where max_tasks was reached and the rest is only delayed', async () => {
    const app = fresh.make();
    await enqueue(app, 'note', { value: 1 });
    const delayed = await enqueue(app, 'note', { value: 2 }, { delay_seconds: 60 });
    const { body } = await app.call('POST', '/run', { max_tasks: 1 });
    expect(body).toMatchObject({ processed: 1, remaining: false, next_wake_at: delayed.run_after });
  });

  test('nothing remains of a queue that was not asked for', async () => {
    const app = fresh.make(threeQueues);
    await enqueue(app, 'note', { value: 1 }, { queue_name: 'mail' });
    await enqueue(app, 'note', { value: 2 }, { queue_name: 'slow' });
    const { body } = await app.call('POST', '/run', { max_tasks: 1, queue_name: 'mail' });
    expect(body).toMatchObject({ processed: 1, remaining: false });
  });

  test('it ends within its time, leaves the rest READY and says that it remains', async () => {
    const app = fresh.make({ ...oneAtATime, callSeconds: 1 });
    for (let n = 0; n < 20; n += 1) await enqueue(app, 'pause', { ms: 150 });
    const startedAt = performance.now();
    const { body } = await app.call('POST', '/run', {});
    expect(performance.now() - startedAt).toBeLessThan(1_500);
    expect(body).toMatchObject({ remaining: true });
    expect(body.completed).toBeGreaterThan(2);
    expect(body.completed).toBeLessThan(8);
    const rows = await fresh.sql<{ state: string }>(`select state from mobula.executions where state <> 'SUCCEEDED'`);
    expect(new Set(rows.map(({ state }) => state))).toEqual(new Set(['QUEUED']));
    expect(rows).toHaveLength(20 - body.completed);
  });

  test('where something remains, now is when there is something to do', async () => {
    const app = fresh.make();
    for (let n = 0; n < 2; n += 1) await enqueue(app, 'note', { value: n });
    const { body } = await app.call('POST', '/run', { max_tasks: 1 });
    expect(Math.abs(Date.parse(body.next_wake_at) - Date.now())).toBeLessThan(10_000);
  });

  test('a retry without a wait is something to do now', async () => {
    const app = fresh.make({ env: { MOBULA_RETRY_BACKOFF_SECONDS: '0' } });
    await enqueue(app, 'fail', {});
    const { body } = await app.call('POST', '/run', { max_tasks: 1 });
    expect(body).toMatchObject({ processed: 1, retried: 1, remaining: true });
    expect(Math.abs(Date.parse(body.next_wake_at) - Date.now())).toBeLessThan(10_000);
  });

  test('the end of a wait for a retry is when there is something to do', async () => {
    const app = fresh.make({ random: () => 0 });
    const { id } = await enqueue(app, 'fail', {});
    const { body } = await app.call('POST', '/run', {});
    expect(body).toMatchObject({ remaining: false, next_wake_at: (await look(app, id)).run_after });
  });
});

describe('what it refuses', () => {
  test.each([
    ['negative max_tasks', { max_tasks: -1 }, 'invalid_request', 'max_tasks'],
    ['half a task', { max_tasks: 1.5 }, 'invalid_request', 'max_tasks'],
    ['max_tasks as text', { max_tasks: '5' }, 'invalid_request', 'max_tasks'],
    ['another backend', { backend_name: 'other' }, 'invalid_request', 'backend_name'],
    ['a queue that is a number', { queue_name: 5 }, 'invalid_request', 'queue_name'],
    ['an unknown field', { queue: 'default' }, 'unknown_field', 'queue'],
  ])('%s', async (_, body, code, field) => {
    const app = fresh.make();
    await enqueue(app, 'note', { value: 1 });
    const before = await fresh.fingerprint();
    expectProblem(await app.call('POST', '/run', body), 422, code, field);
    expect(await fresh.fingerprint()).toBe(before);
  });

  test('a form whose number is none', async () => {
    expectProblem(
      await fresh.make().call('POST', '/run', ...form('max_tasks=many')),
      422,
      'invalid_request',
      'max_tasks',
    );
  });

  test('a body that is no JSON', async () => {
    const answer = await fresh
      .make()
      .call('POST', '/run', '{"max_tasks": 1', { headers: { 'content-type': 'application/json' } });
    expectProblem(answer, 400, 'malformed_body');
  });

  test('a body of another kind', async () => {
    const answer = await fresh
      .make()
      .call('POST', '/run', 'max_tasks: 1', { headers: { 'content-type': 'application/yaml' } });
    expectProblem(answer, 415, 'unsupported_media_type');
  });

  test('another method, with the one that is right', async () => {
    const answer = await fresh.make().call('GET', '/run');
    expectProblem(answer, 405, 'method_not_allowed');
    expect(answer.headers.get('allow')).toBe('POST');
  });

  test.each(['enqueue', 'read'])('the scope %s, before anything is run', async (token) => {
    const app = fresh.make();
    const { id } = await enqueue(app, 'note', { value: 1 });
    expectProblem(await app.call('POST', '/run', {}, { token }), 403, 'forbidden');
    expect((await look(app, id)).state).toBe('QUEUED');
  });

  test('a database that is away is said so, and never taken for an empty queue', async () => {
    const away = `postgres://nobody@127.0.0.1:${await findFreePort()}/none`;
    const answer = await fresh.make({ url: away }).call('POST', '/run', {});
    expectProblem(answer, 503, 'database_unavailable');
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  });
});

test.each(['application/json', 'text/plain', 'application/x-www-form-urlencoded', 'image/png'])(
  'an empty body of type %s is no wish at all',
  async (type) => {
    const { status } = await fresh
      .make()
      .call('POST', '/run', '', { token: 'trigger', headers: { 'content-type': type } });
    expect(status).toBe(200);
  },
);

test('the one backend may be named', async () => {
  expect((await fresh.make().call('POST', '/run', { backend_name: 'default' })).status).toBe(200);
});

import { Client } from 'pg';
import { describe, expect, test } from 'vitest';
import { enqueue, look, makeDue, useFresh } from '../support/fresh.ts';
import { noted, tasks } from './tasks.ts';

const fresh = useFresh(tasks);
const oneAtATime = { env: { MOBULA_DEFAULT_CONCURRENCY: '1' } };

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
    noted.length = 0;
    const { body } = await app.call('POST', '/run', {});
    expect(body.tasks).toMatchObject([
      { id: orphan.id, state: 'FAILED' },
      { id: other.id, state: 'SUCCEEDED' },
    ]);
    expect(noted).toEqual(['other']);
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
      await enqueue(app, 'note', { value: noted.length }, { priority, metadata: { priority } });
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

  test('one that has fallen due is run once, however many runs meet it', async () => {
    const apps = Array.from({ length: 6 }, () => fresh.make());
    const tasks = Array.from({ length: 20 }, (_, value) => ({ task: 'note', input: { value }, delay_seconds: 60 }));
    await apps[0]?.call('POST', '/tasks/batch', { tasks });
    await fresh.sql(`update mobula.executions set due_at = now() - interval '1 second'`);
    noted.length = 0;
    const answers = await Promise.all(apps.map((app) => app.call('POST', '/run', {})));
    expect(answers.reduce((sum, { body }) => sum + body.processed, 0)).toBe(20);
    expect(noted.toSorted((a, b) => Number(a) - Number(b))).toEqual(tasks.map((_, value) => value));
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

import { randomUUID } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { enqueue, expectProblem, look, useFresh } from '../support/fresh.ts';
import { succeeded, useDriver } from './driven.ts';
import { gate, noted, tasks } from './tasks.ts';

const fresh = useFresh(tasks);
const { ray, begin, submit, filesystem } = useDriver();
type App = ReturnType<typeof fresh.make>;
const onRay = (env = {}) => fresh.make({ ray: ray(), env });

const cancel = (app: App, id: string) => app.call('POST', `/executions/${id}/cancel`);
const retry = (app: App, id: string) => app.call('POST', `/executions/${id}/retry`);
const reset = (app: App, body: unknown) => app.call('POST', '/executions/reset', body);
const remove = (app: App, id: string) => app.call('DELETE', `/executions/${id}`);
const jobOf = (id: string) => `mobula-${id.replaceAll('-', '')}-a1`;
const inFlight = async () =>
  (await fresh.sql<{ running: number }>('select running from mobula.capacity')).map(({ running }) => running);
const finals = ['SUCCEEDED', 'FAILED', 'CANCELLED', 'LOST', 'EXPIRED'];

/** An execution that has come to this state, as far as its row tells. */
async function made(app: App, state: string, wish = {}, task = 'note'): Promise<string> {
  const { id } = await enqueue(app, task, { value: state }, wish);
  await fresh.sql(
    `update mobula.executions set state = $2::mobula.execution_state, ready = $2 = 'QUEUED', attempt = 1, runner = 'inline',
       claimed_at = now(), begun_at = now(), check_at = now() + interval '1 hour',
       finished_at = case when $2 = any($3) then now() end where id = $1`,
    [id, state, finals],
  );
  return id;
}

/** Lets an inline execution be running; `gate.open` lets it end, and `over` waits for that. */
async function startHeld(app: App) {
  const { id } = await enqueue(app, 'held', {});
  const over = app.call('POST', '/run', {});
  await expect.poll(async () => (await look(app, id)).state, { interval: 10 }).toBe('RUNNING');
  return { id, over };
}

describe('a cancel', () => {
  test('of what waits is CANCELLED at once, and it never runs', async () => {
    const app = fresh.make();
    const { id } = await enqueue(app, 'note', { value: 'never' });
    const { status, body } = await cancel(app, id);
    expect([status, body.task]).toEqual([202, expect.objectContaining({ id, state: 'CANCELLED', status: 'FAILED' })]);
    expect(body.task).toMatchObject({ attempt: 0, finished_at: expect.any(String), poll_after_ms: null });
    expect((await app.call('POST', '/run', {})).body.processed).toBe(0);
    expectProblem(await app.call('POST', `/execute/${id}`, {}), 409, 'not_executable');
    expect(noted).not.toContain('never');
  });

  test('of a submitted job that has not begun is CANCELLED at once: its slot is free and Ray is asked to stop it', async () => {
    const app = onRay();
    const { id, url, capability: token } = await submit(app);
    expect(await inFlight()).toEqual([1]);
    expect((await cancel(app, id)).body.task).toMatchObject({ state: 'CANCELLED', attempt: 1 });
    expect(await inFlight()).toEqual([0]);
    expect(
      ray()
        .ledger.filter(({ call }) => call === 'stop')
        .at(-1)?.path,
    ).toContain(jobOf(id));
    const before = await fresh.fingerprint();
    expectProblem(await app.call('POST', `${url}/begin`, { nonce: randomUUID() }, { token }), 409, 'attempt_stale');
    expect(await fresh.fingerprint()).toBe(before);
    expect((await look(app, id)).attempts).toMatchObject([{ attempt: 1, state: 'CANCELLED', begun_at: null }]);
  });

  test('of begun code is CANCELLING: the next beat tells its driver, and a value that comes yet is dropped', async () => {
    const app = onRay();
    const { id, url, capability: token } = await begin(app);
    expect((await app.call('POST', `${url}/beat`, {}, { token })).body).toEqual({ cancel: false });
    const { status, body } = await cancel(app, id);
    expect([status, body.task]).toEqual([202, expect.objectContaining({ state: 'CANCELLING', status: 'RUNNING' })]);
    expect(await inFlight()).toEqual([1]);
    expect((await app.call('POST', `${url}/beat`, {}, { token })).body).toEqual({ cancel: true });
    const done = await app.call('POST', `${url}/complete`, succeeded, { token });
    expect([done.status, done.body]).toEqual([200, { state: 'CANCELLED' }]);
    const task = await look(app, id);
    expect(task).toMatchObject({ state: 'CANCELLED', result_state: 'none' });
    expect(task).not.toHaveProperty('result');
    expect(await inFlight()).toEqual([0]);
  });

  test('holds while Ray cannot be reached', async () => {
    const app = onRay();
    const { id } = await submit(app);
    await ray().down();
    try {
      expect((await cancel(app, id)).status).toBe(202);
    } finally {
      await ray().up();
    }
    expect((await look(app, id)).state).toBe('CANCELLED');
  });

  test('of inline code is CANCELLING until that has settled, then CANCELLED without a value', async () => {
    const app = fresh.make();
    const { id, over } = await startHeld(app);
    expect((await cancel(app, id)).body.task.state).toBe('CANCELLING');
    expect((await cancel(app, id)).body.task.state).toBe('CANCELLING');
    gate.open();
    expect((await over).body).toMatchObject({ processed: 1, completed: 1 });
    expect(await look(app, id)).toMatchObject({
      state: 'CANCELLED',
      result_state: 'none',
      attempts: [{ state: 'CANCELLED' }],
    });
  });

  test.each(finals)('of what is %s is 409 with the state, and changes nothing', async (state) => {
    const app = fresh.make();
    const id = await made(app, state);
    const before = await fresh.fingerprint();
    const answer = await cancel(app, id);
    expectProblem(answer, 409, 'not_cancellable');
    expect(answer.body.state).toBe(state);
    expect(await fresh.fingerprint()).toBe(before);
  });

  test('that races a completion is answered by what came of it, every time', async () => {
    const app = onRay();
    for (let round = 0; round < 12; round += 1) {
      const { id, url, capability: token } = await begin(app);
      const [cancelled, completed] = await Promise.all([
        cancel(app, id),
        app.call('POST', `${url}/complete`, succeeded, { token }),
      ]);
      const { state } = await look(app, id);
      expect(completed.body).toEqual({ state });
      expect([cancelled.status, state]).toEqual(state === 'CANCELLED' ? [202, state] : [409, 'SUCCEEDED']);
    }
  });
});

describe('a retry', () => {
  test.each(['FAILED', 'CANCELLED', 'LOST', 'EXPIRED'])(
    'of what is %s is QUEUED with attempts anew, and it runs',
    async (state) => {
      const app = fresh.make();
      const id = await made(app, state, { max_attempts: 1 });
      const { status, body } = await retry(app, id);
      expect([status, body.task]).toEqual([202, expect.objectContaining({ id, state: 'QUEUED', status: 'READY' })]);
      expect(body.task).toMatchObject({ attempt: 1, max_attempts: 4, run_after: null, finished_at: null });
      await app.call('POST', '/run', {});
      expect(await look(app, id)).toMatchObject({ state: 'SUCCEEDED', attempt: 2, result: state });
    },
  );

  test.each(['SUCCEEDED', 'QUEUED', 'RUNNING', 'CANCELLING'])(
    'of what is %s is 409, and changes nothing',
    async (state) => {
      const app = fresh.make();
      const id = await made(app, state);
      const before = await fresh.fingerprint();
      const answer = await retry(app, id);
      expectProblem(answer, 409, 'not_retriable');
      expect(answer.body.state).toBe(state);
      expect(await fresh.fingerprint()).toBe(before);
    },
  );

  test('is 409 while another has its unique key', async () => {
    const app = fresh.make();
    const id = await made(app, 'FAILED', { unique_key: 'k' });
    const other = await enqueue(app, 'note', { value: 1 }, { unique_key: 'k' });
    expectProblem(await retry(app, id), 409, 'unique_key_taken', 'unique_key');
    expect((await look(app, id)).state).toBe('FAILED');
    await cancel(app, other.id);
    expect((await retry(app, id)).status).toBe(202);
  });
});

describe('a reset', () => {
  test('retries all of its state, queue and task, and tells how many', async () => {
    const app = fresh.make({ env: { MOBULA_QUEUES: '*' } });
    await made(app, 'FAILED');
    await made(app, 'LOST');
    const mail = await made(app, 'FAILED', { queue_name: 'mail' });
    const both = await made(app, 'FAILED', { queue_name: 'mail' }, 'mendable');
    expect((await reset(app, { state: 'FAILED', queue_name: 'mail', task: 'note' })).body).toEqual({ reset: 1 });
    expect((await look(app, mail)).state).toBe('QUEUED');
    expect((await reset(app, { state: 'FAILED', task: 'mendable' })).body).toEqual({ reset: 1 });
    expect((await look(app, both)).state).toBe('QUEUED');
    expect((await reset(app, { state: 'FAILED' })).body).toEqual({ reset: 1 });
    expect((await reset(app, { state: 'FAILED' })).body).toEqual({ reset: 0 });
  });

  test('goes on over more than one batch', async () => {
    const app = fresh.make();
    const wishes = Array.from({ length: 1_000 }, (_, value) => ({ task: 'note', input: { value } }));
    await app.call('POST', '/tasks/batch', { tasks: wishes });
    await app.call('POST', '/tasks/batch', { tasks: wishes.slice(0, 100) });
    await fresh.sql(`update mobula.executions set state = 'FAILED', ready = false, finished_at = now()`);
    expect((await reset(app, { state: 'FAILED' })).body).toEqual({ reset: 1_100 });
  });

  test('retries one of several with one unique key', async () => {
    const app = fresh.make();
    for (let n = 0; n < 3; n += 1) await made(app, 'CANCELLED', { unique_key: 'k' });
    expect((await reset(app, { state: 'CANCELLED' })).body).toEqual({ reset: 1 });
    expect((await reset(app, { state: 'CANCELLED' })).body).toEqual({ reset: 0 });
  });

  test.each([
    [{}, 'state', 'invalid_request'],
    [{ state: 'SUCCEEDED' }, 'state', 'invalid_request'],
    [{ state: 'RUNNING' }, 'state', 'invalid_request'],
    [{ state: 'FAILED', queue: 'default' }, 'queue', 'unknown_field'],
    [{ state: 'FAILED', queue_name: '' }, 'queue_name', 'invalid_request'],
  ])('of %j is refused', async (body, field, code) => {
    const app = fresh.make();
    await made(app, 'FAILED');
    const before = await fresh.fingerprint();
    expectProblem(await reset(app, body), 422, code, field);
    expect(await fresh.fingerprint()).toBe(before);
  });
});

describe('a delete', () => {
  test.each(finals)('removes what is %s, with all that was its own', async (state) => {
    const app = fresh.make();
    const id = await made(app, state);
    const { status, text } = await remove(app, id);
    expect([status, text]).toEqual([204, '']);
    expectProblem(await app.call('GET', `/executions/${id}`), 404, 'execution_not_found');
    expectProblem(await remove(app, id), 404, 'execution_not_found');
    expect(await fresh.sql('select 1 from mobula.inputs')).toEqual([]);
  });

  test.each(['QUEUED', 'RUNNING', 'CANCELLING'])('of what is %s is 409, and changes nothing', async (state) => {
    const app = fresh.make();
    const id = await made(app, state);
    const before = await fresh.fingerprint();
    const answer = await remove(app, id);
    expectProblem(answer, 409, 'not_deletable');
    expect(answer.body.state).toBe(state);
    expect(await fresh.fingerprint()).toBe(before);
  });

  test('takes the stored value with the last that refers to it, and not before', async () => {
    const env = { ...filesystem(), MOBULA_MAX_RESULT_SIZE_BYTES: '1024' };
    const app = fresh.make({ env });
    const objects = async () =>
      (await readdir(env.MOBULA_RESULT_STORAGE_FILESYSTEM_PATH, { recursive: true })).filter((f) =>
        f.endsWith('.json'),
      );
    const ids: string[] = [];
    for (let n = 0; n < 2; n += 1) ids.push((await enqueue(app, 'note', { value: 'v'.repeat(2_000) })).id);
    await app.call('POST', '/run', {});
    expect(await objects()).toHaveLength(1);
    await remove(app, ids[0]!);
    expect(await objects()).toHaveLength(1);
    await remove(app, ids[1]!);
    expect(await objects()).toEqual([]);
    expect(await fresh.sql('select 1 from mobula.result_objects')).toEqual([]);
  });

  test('takes the job’s record on the cluster', async () => {
    const app = onRay();
    const { id, url, capability: token } = await begin(app);
    await app.call('POST', `${url}/complete`, succeeded, { token });
    ray().setStatus(jobOf(id), 'SUCCEEDED');
    expect(ray().jobIds).toContain(jobOf(id));
    expect((await remove(app, id)).status).toBe(204);
    expect(ray().jobIds).not.toContain(jobOf(id));
  });

  test('leaves a stone for its idempotency key: the same request is 410 with the id', async () => {
    const app = fresh.make();
    const send = () =>
      app.call('POST', '/tasks', { task: 'note', input: { value: 1 } }, { headers: { 'idempotency-key': 'once' } });
    const { id } = (await send()).body.task;
    await cancel(app, id);
    await remove(app, id);
    const answer = await send();
    expectProblem(answer, 410, 'execution_purged');
    expect(answer.body.id).toBe(id);
  });
});

const calls = [
  ['POST', (id: string) => `/executions/${id}/cancel`],
  ['POST', (id: string) => `/executions/${id}/retry`],
  ['DELETE', (id: string) => `/executions/${id}`],
] as const;

test.each(['00000000-0000-7000-8000-000000000000', 'nothing', '%00', 'x'.repeat(5_000)])(
  'nothing knows %.40s',
  async (id) => {
    for (const [method, path] of calls) {
      expectProblem(await fresh.make().call(method, path(id)), 404, 'execution_not_found');
    }
  },
);

test.each(['read', 'enqueue', 'trigger'])('the scope %s may change nothing here', async (token) => {
  const app = fresh.make();
  const id = await made(app, 'FAILED');
  const before = await fresh.fingerprint();
  for (const [method, path] of [...calls, ['POST', () => '/executions/reset'] as const]) {
    expectProblem(await app.call(method, path(id), undefined, { token }), 403, 'forbidden');
    expectProblem(await app.call(method, path(id), undefined, { token: null }), 401, 'unauthenticated');
  }
  expect(await fresh.fingerprint()).toBe(before);
});

import { afterAll, beforeAll, expect, test } from 'vitest';
import { FakeRay } from '../support/fake-ray.ts';
import { enqueue, look, useFresh } from '../support/fresh.ts';
import { tasks } from './tasks.ts';

const fresh = useFresh(tasks);
let ray: FakeRay;
beforeAll(async () => {
  ray = await FakeRay.start();
});
afterAll(() => ray.close());

const make = (env: Record<string, string> = {}, callSeconds = 60) => fresh.make({ ray, env, callSeconds });

test('a Ray execution is submitted, and answered as RUNNING', async () => {
  const app = make();
  const { id } = await enqueue(app, 'on_ray', {});
  const { body } = await app.call('POST', '/run', {});
  expect(body).toMatchObject({ processed: 1, submitted: 1, completed: 0, ray: 'ok', remaining: false });
  expect(body.tasks).toEqual([{ id, task: 'on_ray', state: 'RUNNING', status: 'RUNNING' }]);
  const jobId = `mobula-${id.replaceAll('-', '')}-a1`;
  expect(ray.jobIds).toContain(jobId);
  expect((await look(app, id)).ray).toEqual({ job_id: jobId, address: ray.url });
});

test('a full cluster leaves the rest READY, and nothing remains that this call could have claimed', async () => {
  const app = make({ MOBULA_DEFAULT_CONCURRENCY: '2' });
  for (let n = 0; n < 3; n += 1) await enqueue(app, 'on_ray', {});
  const first = await app.call('POST', '/run', {});
  expect(first.body).toMatchObject({ processed: 2, submitted: 2, remaining: false });
  expect(Date.parse(first.body.next_wake_at) - Date.now()).toBeLessThan(60_000);
  const second = await app.call('POST', '/run', {});
  expect(second.body).toMatchObject({ processed: 0, remaining: false });
});

test('a full cluster counts before max_tasks', async () => {
  const app = make({ MOBULA_DEFAULT_CONCURRENCY: '2' });
  for (let n = 0; n < 3; n += 1) await enqueue(app, 'on_ray', {});
  expect((await app.call('POST', '/run', { max_tasks: 2 })).body).toMatchObject({ processed: 2, remaining: false });
});

test('where Ray is unreachable everything else is done, and then said', async () => {
  const app = make();
  await enqueue(app, 'on_ray', {});
  const inline = await enqueue(app, 'fail', {}, { max_attempts: 1 });
  await ray.down();
  const { status, body } = await app.call('POST', '/run', {});
  await ray.up();
  expect(status).toBe(200);
  expect(body).toMatchObject({ processed: 1, completed: 1, ray: 'unreachable', remaining: false });
  expect(body.tasks).toMatchObject([{ id: inline.id, state: 'FAILED' }]);
});

test('without Ray an execution that only runs there waits, untouched', async () => {
  const app = fresh.make();
  const { id } = await enqueue(app, 'on_ray', {});
  expect((await app.call('POST', '/run', {})).body).toMatchObject({ processed: 0, remaining: false, ray: 'none' });
  expect(await look(app, id)).toMatchObject({ state: 'QUEUED', attempt: 0 });
});

test.each([
  ['run', '/run', 'tasks'],
  ['run-one', '/run-one', 'task'],
])('with `Prefer: wait` %s waits as long as asked for a final state', async (_, path, key) => {
  const app = make();
  await enqueue(app, 'on_ray', {});
  const startedAt = performance.now();
  const { body } = await app.call('POST', path, {}, { headers: { prefer: 'wait=1' } });
  expect(performance.now() - startedAt).toBeGreaterThan(950);
  expect([body[key]].flat()).toMatchObject([{ state: 'RUNNING' }]);
});

test.each(['/run', '/run-one', '/execute'])('%s never waits longer than its call may take', async (path) => {
  const app = make({}, 2);
  const { id } = await enqueue(app, 'on_ray', {});
  const startedAt = performance.now();
  const { status } = await app.call(
    'POST',
    path === '/execute' ? `${path}/${id}` : path,
    {},
    { headers: { prefer: 'wait=15' } },
  );
  expect(status).toBe(200);
  expect(performance.now() - startedAt).toBeLessThan(10_000);
});

test('at the cap an execute is told to come back', async () => {
  const app = make({ MOBULA_DEFAULT_CONCURRENCY: '1' });
  const [one, two] = [await enqueue(app, 'on_ray', {}), await enqueue(app, 'on_ray', {})];
  expect((await app.call('POST', `/execute/${one.id}`)).body.task).toMatchObject({ state: 'RUNNING', attempt: 1 });
  const answer = await app.call('POST', `/execute/${two.id}`);
  expect([answer.status, answer.body.code, answer.headers.get('retry-after')]).toEqual([503, 'at_capacity', '5']);
  expect(await look(app, two.id)).toMatchObject({ state: 'QUEUED', attempt: 0 });
});

test('an execute of what runs on Ray is told when Ray is away, and burns no attempt', async () => {
  const app = make();
  const { id } = await enqueue(app, 'on_ray', {});
  await ray.down();
  const answer = await app.call('POST', `/execute/${id}`);
  await ray.up();
  expect([answer.status, answer.body.code]).toEqual([503, 'ray_unavailable']);
  expect(await look(app, id)).toMatchObject({ state: 'QUEUED', attempt: 0 });
});

import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { succeeded } from '../functions/driven.ts';
import { tasks } from '../functions/tasks.ts';
import type { TestEngine } from '../support/engine.ts';
import { FakeGateway, type GivenAttempt } from '../support/fake-gateway.ts';
import { FakeRay } from '../support/fake-ray.ts';
import { enqueue, look, useFresh } from '../support/fresh.ts';

const fresh = useFresh(tasks);
let gateway: FakeGateway;
beforeEach(async () => {
  gateway = await FakeGateway.start();
});
afterEach(() => gateway.down());

const make = (env: Record<string, string> = {}) =>
  fresh.make({
    env: {
      MOBULA_RAY_CORE_ADDRESS: gateway.url,
      MOBULA_RUNNER: 'ray_core',
      MOBULA_DEFAULT_CONCURRENCY: '1000',
      ...env,
    },
  });
const runOf = async (app: TestEngine) => (await app.call('POST', '/run', {})).body;
const makeChecksDue = () =>
  fresh.sql(
    `update mobula.executions set check_at = now() - interval '1 second' where state in ('RUNNING', 'CANCELLING')`,
  );

/** Lets the gateway's worker begin an attempt. */
async function begin(app: TestEngine, { id, attempt, capability }: GivenAttempt): Promise<string> {
  const { body } = await app.call(
    'POST',
    `/attempts/${id}/${attempt}/begin`,
    { nonce: randomUUID() },
    { token: capability },
  );
  return body.capability;
}

describe('the gateway', () => {
  test('gets all that is due in one call, without an input, and each attempt is its own', async () => {
    const app = make();
    const ids = [];
    for (let n = 0; n < 20; n += 1) ids.push((await enqueue(app, 'on_ray', { text: 'secret' })).id);
    const callsBefore = gateway.calls;
    expect(await runOf(app)).toMatchObject({ processed: 20, submitted: 20, ray: 'ok' });
    expect(gateway.calls - callsBefore).toBe(2); // one for its health
    expect(gateway.taken.map(({ id }) => id).toSorted()).toEqual(ids.toSorted());
    expect(JSON.stringify(gateway.taken)).not.toContain('secret');
    expect(gateway.taken[0]).toMatchObject({
      attempt: 1,
      callable: 'm:f',
      url: `http://127.0.0.1:9/attempts/${ids[0]}/1`,
    });
  });

  test('is where an attempt runs from begin to end', async () => {
    const app = make();
    const { id } = await enqueue(app, 'on_ray', {});
    await runOf(app);
    const [given] = gateway.taken as [GivenAttempt];
    const token = await begin(app, given);
    await app.call('POST', `/attempts/${id}/1/complete`, succeeded, { token });
    const task = await look(app, id);
    expect(task).toMatchObject({ state: 'SUCCEEDED', ray: { address: gateway.url } });
    expect(task.attempts).toMatchObject([{ runner: 'ray_core', ray_job_id: null }]);
  });

  test('that forgot what had not begun is sent it again, as the same attempt', async () => {
    const app = make();
    const { id } = await enqueue(app, 'on_ray', {});
    await runOf(app);
    gateway.restart();
    await makeChecksDue();
    expect(await runOf(app)).toMatchObject({ recovered: 1 });
    expect(gateway.taken.map(({ job }) => job)).toEqual([gateway.taken[0]?.job, gateway.taken[0]?.job]);
    expect(await look(app, id)).toMatchObject({ state: 'RUNNING', attempt: 1, max_attempts: 3 });
  });

  test('that forgot what had begun changes nothing, since the worker speaks for itself', async () => {
    const app = make();
    const { id } = await enqueue(app, 'on_ray', {});
    await runOf(app);
    const token = await begin(app, gateway.taken[0] as GivenAttempt);
    gateway.restart();
    await makeChecksDue();
    await runOf(app);
    expect(await look(app, id)).toMatchObject({ state: 'RUNNING', attempt: 1 });
    expect((await app.call('POST', `/attempts/${id}/1/complete`, succeeded, { token })).body).toEqual({
      state: 'SUCCEEDED',
    });
  });

  test('that saw a worker die is believed after the grace, and the attempt is lost', async () => {
    const app = make({ MOBULA_RESULT_GRACE_SECONDS: '0' });
    const { id } = await enqueue(app, 'on_ray', {});
    await runOf(app);
    const given = gateway.taken[0] as GivenAttempt;
    await begin(app, given);
    gateway.mark(given.job, 'failed');
    for (let n = 0; n < 2; n += 1) {
      await makeChecksDue();
      await runOf(app);
    }
    expect(await look(app, id)).toMatchObject({ state: 'QUEUED', attempt: 1, error: { type: 'Lost' } });
  });

  test('that is full is offered the rest later', async () => {
    const app = make();
    gateway.room = 1;
    for (let n = 0; n < 3; n += 1) await enqueue(app, 'on_ray', {});
    expect(await runOf(app)).toMatchObject({ processed: 3, submitted: 1 });
    gateway.room = 3;
    await makeChecksDue();
    await runOf(app);
    expect(new Set(gateway.taken.map(({ job }) => job)).size).toBe(3);
  });

  test('that is away is left in peace, and what waits for it waits', async () => {
    const app = make();
    await gateway.down();
    const { id } = await enqueue(app, 'on_ray', {});
    expect(await runOf(app)).toMatchObject({ processed: 0, ray: 'unreachable' });
    expect(await look(app, id)).toMatchObject({ state: 'QUEUED', attempt: 0 });
  });

  test('that has another secret is told about, and used for nothing', async () => {
    const strange = await FakeGateway.start('another-secret-of-the-tests-0123456789-01234');
    const app = make({ MOBULA_RAY_CORE_ADDRESS: strange.url });
    await enqueue(app, 'on_ray', {});
    expect(await runOf(app)).toMatchObject({ processed: 0, ray: 'unreachable' });
    const { body } = await app.call('GET', '/health');
    expect(body.ray).toMatchObject({ reachable: false, reason: expect.stringContaining('MOBULA_SECRET') });
    await strange.down();
  });

  test('is asked to stop what is cancelled', async () => {
    const app = make();
    const { id } = await enqueue(app, 'on_ray', {});
    await runOf(app);
    await begin(app, gateway.taken[0] as GivenAttempt);
    expect((await app.call('POST', `/executions/${id}/cancel`)).body.task.state).toBe('CANCELLING');
    expect(gateway.cancelled).toEqual([gateway.taken[0]?.job]);
  });
});

test('after a change of runner, attempts of the former one are looked after where they are', async () => {
  await using ray = await FakeRay.start();
  const before = fresh.make({ ray });
  const former = (await enqueue(before, 'on_ray', {})).id;
  await runOf(before);
  const after = make({ RAY_ADDRESS: ray.url });
  const latter = (await enqueue(after, 'on_ray', {})).id;
  ray.setStatus(ray.jobIds[0] ?? '', 'FAILED', { message: 'It died.' });
  await makeChecksDue();
  expect(await runOf(after)).toMatchObject({ submitted: 1, recovered: 1 });
  expect(await look(after, former)).toMatchObject({ state: 'QUEUED', error: { type: 'NeverBegan' } });
  expect(gateway.taken.map(({ id }) => id)).toEqual([latter]);
});

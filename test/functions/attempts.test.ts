import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { enqueue, expectProblem, look, useFresh } from '../support/fresh.ts';
import { failed, succeeded, useDriver } from './driven.ts';
import { tasks } from './tasks.ts';

const fresh = useFresh(tasks);
const { ray, begin, submit } = useDriver();
const make = (env = {}) => fresh.make({ ray: ray(), env });

describe('begin', () => {
  test('answers what the driver needs, its input as it was written, and a capability of its own', async () => {
    const app = make({ MOBULA_TASK_TIMEOUT_SECONDS: '90' });
    const { id, url, capability } = await submit(app);
    const answer = await app.call('POST', `${url}/begin`, { nonce: randomUUID() }, { token: capability });
    expect(answer.status).toBe(200);
    expect(answer.body).toEqual({
      capability: expect.any(String),
      id,
      attempt: 1,
      task: 'on_ray',
      callable: 'm:f',
      input: {},
      heartbeat_seconds: 15,
      silence_seconds: 300,
      timeout_seconds: 90,
      inline_bytes: 1_048_576,
    });
    expect(answer.body.capability).not.toBe(capability);
  });

  test('opens once: the same driver may ask again, another is stale and changes nothing', async () => {
    const app = make();
    const { url, capability } = await submit(app);
    const nonce = randomUUID();
    const first = await app.call('POST', `${url}/begin`, { nonce }, { token: capability });
    const again = await app.call('POST', `${url}/begin`, { nonce }, { token: capability });
    expect([again.status, again.text]).toEqual([200, first.text]);
    const before = await fresh.fingerprint();
    const other = await app.call('POST', `${url}/begin`, { nonce: randomUUID() }, { token: capability });
    expectProblem(other, 409, 'attempt_stale');
    expect(await fresh.fingerprint()).toBe(before);
  });

  test.each([
    ['was taken back', `state = 'QUEUED', ready = true`],
    ['is being cancelled', `state = 'CANCELLING'`],
    ['is an older one', 'attempt = 2'],
    ['has ended', `state = 'FAILED', finished_at = now()`],
  ])('is refused where the attempt %s', async (_, change) => {
    const app = make();
    const { id, url, capability } = await submit(app);
    await fresh.sql(`update mobula.executions set ${change} where id = $1`, [id]);
    const before = await fresh.fingerprint();
    const answer = await app.call('POST', `${url}/begin`, { nonce: randomUUID() }, { token: capability });
    expectProblem(answer, 409, 'attempt_stale');
    expect(await fresh.fingerprint()).toBe(before);
  });

  test.each([{}, { nonce: 'mine' }, { nonce: 1 }])('takes no %j', async (body) => {
    const app = make();
    const { url, capability } = await submit(app);
    expectProblem(await app.call('POST', `${url}/begin`, body, { token: capability }), 422, 'invalid_request', 'nonce');
  });
});

describe('beat', () => {
  test('is noted without a new version, and progress with one', async () => {
    const app = make();
    const { id, url, capability: token } = await begin(app);
    const { version } = await look(app, id);
    expect((await app.call('POST', `${url}/beat`, {}, { token })).body).toEqual({ cancel: false });
    expect((await look(app, id)).version).toBe(version);
    await app.call('POST', `${url}/beat`, '{"progress": {"b":1,"a":9007199254740993}}', {
      token,
      headers: { 'content-type': 'application/json' },
    });
    const answer = await app.call('GET', `/status/${id}`);
    expect(answer.text).toContain('"progress":{"b":1,"a":9007199254740993},');
    expect(answer.body.task.version).toBe(version + 1);
  });

  test('asks the driver to end where the execution is being cancelled', async () => {
    const app = make();
    const { id, url, capability: token } = await begin(app);
    await fresh.sql(`update mobula.executions set state = 'CANCELLING' where id = $1`, [id]);
    expect((await app.call('POST', `${url}/beat`, {}, { token })).body).toEqual({ cancel: true });
  });

  test('takes no more than 4 KiB of progress', async () => {
    const app = make();
    const { url, capability: token } = await begin(app);
    const answer = await app.call('POST', `${url}/beat`, { progress: 'p'.repeat(4_095) }, { token });
    expectProblem(answer, 422, 'invalid_request', 'progress');
  });
});

describe('complete', () => {
  test('takes a value as it was written', async () => {
    const app = make();
    const { id, url, capability: token } = await begin(app);
    const text = '{"outcome":"succeeded","result": {"z":1,"a":[9007199254740993, -0.0]}}';
    const answer = await app.call('POST', `${url}/complete`, text, {
      token,
      headers: { 'content-type': 'application/json' },
    });
    expect([answer.status, answer.body]).toEqual([200, { state: 'SUCCEEDED' }]);
    expect((await app.call('GET', `/status/${id}`)).text).toContain('"result":{"z":1,"a":[9007199254740993,-0.0]},');
  });

  test('takes a failure with its type, message and traceback, and the policy decides', async () => {
    const app = make();
    const { id, url, capability: token } = await begin(app);
    expect((await app.call('POST', `${url}/complete`, failed, { token })).body).toEqual({ state: 'FAILED' });
    const task = await look(app, id);
    expect(task).toMatchObject({
      state: 'QUEUED',
      error: { type: 'ValueError', message: 'No.', traceback: 'Traceback …', retryable: true },
    });
    expect(task.attempts).toMatchObject([
      { attempt: 1, state: 'FAILED', runner: 'ray_job', ray_job_id: `mobula-${id.replaceAll('-', '')}-a1` },
    ]);
  });

  test.each([
    ['a value', succeeded, 'SUCCEEDED'],
    ['a failure that is retried', failed, 'FAILED'],
    ['the word that it obeyed', { outcome: 'cancelled' }, 'CANCELLED'],
  ])('said twice is answered twice the same: %s', async (_, outcome, state) => {
    const app = make();
    const { url, capability: token } = await begin(app);
    const first = await app.call('POST', `${url}/complete`, outcome, { token });
    const before = await fresh.fingerprint();
    const again = await app.call('POST', `${url}/complete`, outcome, { token });
    expect([first.status, again.status, first.body, again.body]).toEqual([200, 200, { state }, { state }]);
    expect(await fresh.fingerprint()).toBe(before);
  });

  test('after a cancel ends CANCELLED, and its value is dropped', async () => {
    const app = make();
    const { id, url, capability: token } = await begin(app);
    await fresh.sql(`update mobula.executions set state = 'CANCELLING' where id = $1`, [id]);
    expect((await app.call('POST', `${url}/complete`, succeeded, { token })).body).toEqual({ state: 'CANCELLED' });
    const task = await look(app, id);
    expect([task.state, task.result_state, 'result' in task]).toEqual(['CANCELLED', 'none', false]);
  });

  test('frees the slot on the cluster', async () => {
    const app = make({ MOBULA_DEFAULT_CONCURRENCY: '1' });
    const { url, capability: token } = await begin(app);
    await enqueue(app, 'on_ray', {});
    expect((await app.call('POST', '/run', {})).body.submitted).toBe(0);
    await app.call('POST', `${url}/complete`, succeeded, { token });
    expect((await app.call('POST', '/run', {})).body.submitted).toBe(1);
  });

  test.each([
    [{}, 'outcome'],
    [{ outcome: 'done' }, 'outcome'],
    [{ outcome: 'succeeded' }, 'result'],
    [{ outcome: 'failed' }, 'error'],
    [{ outcome: 'failed', error: { message: 'm' } }, 'error.type'],
    [{ outcome: 'succeeded', stored: { sha256: 'x', bytes: 1 } }, 'stored.sha256'],
    [{ outcome: 'succeeded', stored: { sha256: 'a'.repeat(64), bytes: 1 } }, 'stored'],
  ])('takes no %j', async (body, field) => {
    const app = make();
    const { id, url, capability: token } = await begin(app);
    expectProblem(await app.call('POST', `${url}/complete`, body, { token }), 422, 'invalid_request', field);
    expect((await look(app, id)).state).toBe('RUNNING');
  });
});

import { createHash, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FakeRay } from '../support/fake-ray.ts';
import { enqueue, expectProblem, look, makeDue, useFresh } from '../support/fresh.ts';
import { tasks } from './tasks.ts';

const fresh = useFresh(tasks);
let ray: FakeRay;
let folder: string;
beforeAll(async () => {
  ray = await FakeRay.start();
  folder = await mkdtemp(join(tmpdir(), 'mobula-attempts-'));
});
afterAll(async () => {
  await ray.close();
  await rm(folder, { recursive: true });
});

type App = ReturnType<typeof fresh.make>;

/** A submitted attempt, as its driver meets it. */
async function submit(app: App, input: unknown = {}, wish = {}) {
  const { id } = await enqueue(app, 'on_ray', input, wish);
  await app.call('POST', '/run', {});
  return { id: id as string, url: `/attempts/${id}/1`, capability: capabilityOf() };
}

/** What the latest job got in its environment. */
function capabilityOf(): string {
  const { env_vars } = (ray.accepted.at(-1)?.runtime_env ?? {}) as { env_vars: Record<string, string> };
  return env_vars['MOBULA_CAPABILITY'] ?? '';
}

/** The same, begun. */
async function begin(app: App, wish = {}) {
  const { id, url, capability } = await submit(app, {}, wish);
  const { body } = await app.call('POST', `${url}/begin`, { nonce: randomUUID() }, { token: capability });
  return { id, url, capability: body.capability as string };
}

const make = (env = {}) => fresh.make({ ray, env });
const succeeded = { outcome: 'succeeded', result: { value: 1 } };
const failed = {
  outcome: 'failed',
  error: { type: 'ValueError', message: 'No.', traceback: 'Traceback …', types: ['ValueError', 'builtins.ValueError'] },
};

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

describe('a stale driver', () => {
  const upload = { sha256: 'a'.repeat(64), bytes: 2_000_000 };
  const calls = [
    ['beat', { progress: 1 }],
    ['complete', succeeded],
    ['complete', failed],
    ['complete', { outcome: 'succeeded', result: 'x'.repeat(1_100_000) }],
    ['complete', { outcome: 'cancelled' }],
    ['upload', upload],
  ] as const;

  test.each(calls)('is told so by %s and changes no byte', async (verb, body) => {
    const app = make({ MOBULA_RESULT_STORAGE_BACKEND: 'filesystem', MOBULA_RESULT_STORAGE_FILESYSTEM_PATH: folder });
    const { id, url, capability: token } = await begin(app);
    await fresh.sql(
      `update mobula.executions set state = 'QUEUED', nonce = null, begun_at = null, ready = true, due_at = now() where id = $1`,
      [id],
    );
    await makeDue(fresh, id);
    await app.call('POST', '/run', {});
    expect((await look(app, id)).attempt).toBe(2);
    const before = await fresh.fingerprint();
    expectProblem(await app.call('POST', `${url}/${verb}`, body, { token }), 409, 'attempt_stale');
    expect(await fresh.fingerprint()).toBe(before);
  });
});

describe('a capability', () => {
  test('of another execution, or for another attempt, is forbidden', async () => {
    const app = make();
    const one = await begin(app);
    const two = await begin(app);
    for (const verb of ['begin', 'beat', 'complete', 'upload']) {
      expectProblem(await app.call('POST', `${two.url}/${verb}`, {}, { token: one.capability }), 403, 'forbidden');
      expectProblem(
        await app.call('POST', `/attempts/${one.id}/2/${verb}`, {}, { token: one.capability }),
        403,
        'forbidden',
      );
    }
  });

  test('from before begin is good for begin alone', async () => {
    const app = make();
    const { url, capability } = await submit(app);
    for (const verb of ['beat', 'complete', 'upload']) {
      expectProblem(await app.call('POST', `${url}/${verb}`, {}, { token: capability }), 403, 'forbidden');
    }
  });

  test.each(['trigger', 'enqueue', 'read', 'admin'])('is not what the scope %s is for', async (token) => {
    const app = make();
    const { url } = await begin(app);
    expectProblem(await app.call('POST', `${url}/complete`, succeeded, { token }), 403, 'forbidden');
  });

  test('opens no other route', async () => {
    const app = make();
    const { id, capability: token } = await begin(app);
    for (const [method, path] of [
      ['POST', '/run'],
      ['GET', `/status/${id}`],
      ['POST', '/tasks'],
      ['POST', '/purge'],
    ] as const) {
      expectProblem(await app.call(method, path, undefined, { token }), 403, 'forbidden');
    }
  });
});

describe('a large value', () => {
  const value = `"${'x'.repeat(1_100_000)}"`;
  const digest = { sha256: createHash('sha256').update(value).digest('hex'), bytes: value.length };

  test('is announced, put through the app, and kept by its reference', async () => {
    const app = make({ MOBULA_RESULT_STORAGE_BACKEND: 'filesystem', MOBULA_RESULT_STORAGE_FILESYSTEM_PATH: folder });
    const { id, url, capability: token } = await begin(app);
    const { upload } = (await app.call('POST', `${url}/upload`, digest, { token })).body;
    expect(upload.method).toBe('PUT');
    const path = upload.url.slice('http://127.0.0.1:9'.length);
    const refused = await app.call('PUT', path, `${value} `, { token: null, headers: upload.headers });
    expectProblem(refused, 422, 'invalid_request', 'sha256');
    const put = await app.call('PUT', path, value, { token: null, headers: upload.headers });
    expect(put.status).toBe(204);
    const done = await app.call('POST', `${url}/complete`, { outcome: 'succeeded', stored: digest }, { token });
    expect(done.body).toEqual({ state: 'SUCCEEDED' });
    expect(await look(app, id)).toMatchObject({
      result_state: 'stored',
      result_bytes: digest.bytes,
      result_sha256: digest.sha256,
    });
    expect((await app.call('GET', `/executions/${id}/result`)).text).toBe(value);
  });

  test('is not taken from a driver whose attempt is over', async () => {
    const app = make({ MOBULA_RESULT_STORAGE_BACKEND: 'filesystem', MOBULA_RESULT_STORAGE_FILESYSTEM_PATH: folder });
    const { url, capability: token } = await begin(app);
    const { upload } = (await app.call('POST', `${url}/upload`, digest, { token })).body;
    await app.call('POST', `${url}/complete`, failed, { token });
    const before = await fresh.fingerprint();
    const path = upload.url.slice('http://127.0.0.1:9'.length);
    expectProblem(await app.call('PUT', path, value, { token: null, headers: upload.headers }), 409, 'attempt_stale');
    expect(await fresh.fingerprint()).toBe(before);
  });

  test('has no place where no store is configured, and its digest is kept', async () => {
    const app = make();
    const { id, url, capability: token } = await begin(app);
    expect((await app.call('POST', `${url}/upload`, digest, { token })).body).toMatchObject({
      upload: null,
      reason: expect.any(String),
    });
    await app.call(
      'POST',
      `${url}/complete`,
      { outcome: 'succeeded', digest_only: { ...digest, reason: 'no store' } },
      { token },
    );
    expect(await look(app, id)).toMatchObject({
      state: 'SUCCEEDED',
      result_state: 'digest_only',
      result_sha256: digest.sha256,
    });
  });
});

import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { expectProblem, look, makeDue, useFresh } from '../support/fresh.ts';
import { failed, succeeded, useDriver } from './driven.ts';
import { tasks } from './tasks.ts';

const fresh = useFresh(tasks);
const { ray, begin, submit, filesystem } = useDriver();
const make = (env = {}) => fresh.make({ ray: ray(), env });

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
    const app = make(filesystem());
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
    const app = make(filesystem());
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
    const app = make(filesystem());
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

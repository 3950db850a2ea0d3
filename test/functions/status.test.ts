import { describe, expect, test } from 'vitest';
import { limits } from '../../src/core/limits.ts';
import { signTokens } from '../../src/http/tokens.ts';
import { testSecret } from '../support/engine.ts';
import { enqueue, expectProblem, useFresh } from '../support/fresh.ts';
import { tasks } from './tasks.ts';

const fresh = useFresh(tasks);
const nobody = '00000000-0000-7000-8000-000000000000';

const times = { run_after: null, started_at: null, last_attempted_at: null, finished_at: null };
const noResult = { result_state: 'none', result_reference: null, result_bytes: null, result_sha256: null };

describe('what it says', () => {
  test('one that waits, in full', async () => {
    const app = fresh.make();
    const { id, enqueued_at } = await enqueue(app, 'note', { value: 1 }, { priority: 5, metadata: { of: 'it' } });
    const { status, body, headers } = await app.call('GET', `/status/${id}`, undefined, { token: 'read' });
    expect([status, headers.get('content-type')]).toEqual([200, 'application/json']);
    expect(body).toEqual({
      task: {
        id,
        task: 'note',
        state: 'QUEUED',
        status: 'READY',
        queue_name: 'default',
        backend_name: 'default',
        priority: 5,
        attempt: 0,
        max_attempts: 3,
        ...times,
        enqueued_at,
        ...noResult,
        error: null,
        progress: null,
        metadata: { of: 'it' },
        ray: null,
        version: 1,
        poll_after_ms: expect.any(Number),
      },
    });
    expect(enqueued_at).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
  });

  test.each([
    ['a list', [1, 'two', { three: null }]],
    ['null, which differs from none', null],
    ['false', false],
    ['a number', 0.5],
    ['an empty text', ''],
  ])('%s as the result is typed JSON', async (_, value) => {
    const app = fresh.make();
    const { id } = await enqueue(app, 'note', { value });
    await app.call('POST', '/run', {});
    const { task } = (await app.call('GET', `/status/${id}`)).body;
    expect(task).toMatchObject({
      state: 'SUCCEEDED',
      status: 'SUCCESSFUL',
      result: value,
      result_state: 'inline',
      error: null,
    });
    expect(task).toMatchObject({ attempt: 1, poll_after_ms: null, result_bytes: JSON.stringify(value).length });
    expect(task.finished_at >= task.started_at && task.started_at >= task.enqueued_at).toBe(true);
  });

  test.each([
    ['read', true],
    ['admin', true],
    ['own', false],
  ])('the traceback of a failure to %s: %s', async (who, shown) => {
    const app = fresh.make();
    const { body } = await app.call('POST', '/tasks', { task: 'fail', input: {}, max_attempts: 1 });
    await app.call('POST', '/run', {});
    const token = who === 'own' ? body.status_token : who;
    const { task } = (await app.call('GET', `/status/${body.task.id}`, undefined, { token })).body;
    expect(task).toMatchObject({
      state: 'FAILED',
      status: 'FAILED',
      error: { type: 'RangeError', message: 'It cannot be.' },
    });
    expect('traceback' in task.error).toBe(shown);
    expect('result' in task).toBe(false);
  });

  test('the traceback of an inline failure begins with the error and its message', async () => {
    const app = fresh.make();
    const { id } = await enqueue(app, 'fail', {}, { max_attempts: 1 });
    await app.call('POST', '/run', {});
    const { task } = (await app.call('GET', `/status/${id}`)).body;
    expect(task.error.traceback).toMatch(/^RangeError: It cannot be\./);
  });

  test('it never writes', async () => {
    const app = fresh.make();
    const { id } = await enqueue(app, 'note', { value: 1 });
    const before = await fresh.fingerprint();
    for (let n = 0; n < 3; n += 1) await app.call('GET', `/status/${id}?wait=0`);
    expect(await fresh.fingerprint()).toBe(before);
  });

  test.each(['nonsense', nobody, 'X'.repeat(10_000), nobody.toUpperCase(), '%ff'])('%.40s is unknown', async (id) => {
    expectProblem(await fresh.make().call('GET', `/status/${id}`), 404, 'execution_not_found');
  });
});

describe('its ETag', () => {
  test('is met with 304 until something has changed', async () => {
    const app = fresh.make();
    const { id } = await enqueue(app, 'note', { value: 1 });
    const first = await app.call('GET', `/status/${id}`);
    const etag = first.headers.get('etag') ?? '';
    const headers = { 'if-none-match': etag };
    const same = await app.call('GET', `/status/${id}`, undefined, { headers });
    expect([same.status, same.text, same.headers.get('etag')]).toEqual([304, '', etag]);
    await app.call('POST', '/run', {});
    const changed = await app.call('GET', `/status/${id}`, undefined, { headers });
    expect([changed.status, changed.body.task.state]).toEqual([200, 'SUCCEEDED']);
    expect(changed.headers.get('etag')).not.toBe(etag);
  });

  test('changes with progress, and not with a beat', async () => {
    const app = fresh.make();
    const { id } = await enqueue(app, 'note', { value: 1 });
    const etag = async () => (await app.call('GET', `/status/${id}`)).headers.get('etag');
    const first = await etag();
    await fresh.sql(`update mobula.executions set beat_at = now() where id = $1`, [id]);
    expect(await etag()).toBe(first);
    await fresh.sql(`update mobula.executions set progress = '0.5', version = version + 1 where id = $1`, [id]);
    expect(await etag()).not.toBe(first);
  });

  test('is another for another view, so that none is served from the other', async () => {
    const app = fresh.make();
    const { body } = await app.call('POST', '/tasks', { task: 'note', input: { value: 1 } });
    const path = `/status/${body.task.id}`;
    const etag = (await app.call('GET', path, undefined, { token: body.status_token })).headers.get('etag') ?? '';
    const read = await app.call('GET', path, undefined, { token: 'read', headers: { 'if-none-match': etag } });
    expect(read.status).toBe(200);
  });
});

describe('wait', () => {
  /** Far less than the wait that was asked for, and more than a slow machine needs. */
  const soon = 10;
  const timed = async <T>(work: Promise<T>) => {
    const startedAt = performance.now();
    return { answer: await work, seconds: (performance.now() - startedAt) / 1_000 };
  };

  test('a final state answers at once', async () => {
    const app = fresh.make();
    const { id } = await enqueue(app, 'note', { value: 1 });
    await app.call('POST', '/run', {});
    const { answer, seconds } = await timed(app.call('GET', `/status/${id}?wait=30`));
    expect([answer.status, answer.body.task.state]).toEqual([200, 'SUCCEEDED']);
    expect(seconds).toBeLessThan(soon);
    const headers = { 'if-none-match': answer.headers.get('etag') ?? '' };
    const again = await timed(app.call('GET', `/status/${id}?wait=30`, undefined, { headers }));
    expect(again.answer.status).toBe(304);
    expect(again.seconds).toBeLessThan(soon);
  });

  test('a change answers when it comes', async () => {
    const app = fresh.make();
    const { id } = await enqueue(app, 'note', { value: 1 });
    const { headers } = await app.call('GET', `/status/${id}`);
    const etag = headers.get('etag') ?? '';
    const waiting = timed(app.call('GET', `/status/${id}?wait=30`, undefined, { headers: { 'if-none-match': etag } }));
    await app.call('POST', '/run', {});
    const { answer, seconds } = await waiting;
    expect([answer.status, answer.body.task.version > 1]).toEqual([200, true]);
    expect(seconds).toBeLessThan(soon);
  });

  test.each([
    ['304 with If-None-Match', true, 304],
    ['200 without it', false, 200],
  ])('on expiry it is %s', async (_, conditional, status) => {
    const app = fresh.make();
    const { id } = await enqueue(app, 'note', { value: 1 });
    const etag = (await app.call('GET', `/status/${id}`)).headers.get('etag') ?? '';
    const headers: Record<string, string> = conditional ? { 'if-none-match': etag } : {};
    const { answer, seconds } = await timed(app.call('GET', `/status/${id}?wait=0.6`, undefined, { headers }));
    expect(answer.status).toBe(status);
    expect(seconds).toBeGreaterThan(0.59);
    expect(seconds).toBeLessThan(soon);
  });

  test('what the poller has not seen yet answers at once', async () => {
    const app = fresh.make();
    const { id } = await enqueue(app, 'note', { value: 1 });
    const headers = { 'if-none-match': '"0-read"' };
    const { answer, seconds } = await timed(app.call('GET', `/status/${id}?wait=30`, undefined, { headers }));
    expect(answer.status).toBe(200);
    expect(seconds).toBeLessThan(soon);
  });

  test('a process that is about to end answers what it sees', async () => {
    const closing = new AbortController();
    const app = fresh.make({ closing: closing.signal });
    const { id } = await enqueue(app, 'note', { value: 1 });
    const waiting = timed(app.call('GET', `/status/${id}?wait=30`));
    setTimeout(() => closing.abort(), 100);
    const { answer, seconds } = await waiting;
    expect(answer.status).toBe(200);
    expect(seconds).toBeLessThan(soon);
  });

  test.each(['-1', '61', 'long', ''])('`%s` is refused', async (wait) => {
    const app = fresh.make();
    const { id } = await enqueue(app, 'note', { value: 1 });
    expectProblem(await app.call('GET', `/status/${id}?wait=${wait}`), 422, 'invalid_request', 'wait');
  });
});

describe('a status token', () => {
  const make = async () => {
    const app = fresh.make();
    const { body } = await app.call('POST', '/tasks', {
      task: 'note',
      input: { value: 'secret input' },
      metadata: { secret: 1 },
    });
    return { app, id: body.task.id as string, token: body.status_token as string, url: body.status_url as string };
  };

  test('reads its own execution, at the address that came with it', async () => {
    const { app, id, token, url } = await make();
    expect(url).toBe(`http://127.0.0.1:9/status/${id}`);
    expect((await app.call('GET', new URL(url).pathname, undefined, { token })).body.task.id).toBe(id);
  });

  test('sees state, times, progress, result and error, and nothing of the input, the place or Ray', async () => {
    const { app, id, token } = await make();
    await fresh.sql(`update mobula.executions set progress = '{"done":1}', version = version + 1 where id = $1`, [id]);
    const { text, body } = await app.call('GET', `/status/${id}`, undefined, { token });
    expect(text).not.toContain('secret');
    expect(body.task.progress).toEqual({ done: 1 });
    for (const hidden of ['metadata', 'input', 'ray', 'queue_name', 'backend_name', 'priority', 'result_reference']) {
      expect(body.task).not.toHaveProperty(hidden);
    }
  });

  test('is for no other execution and no other call', async () => {
    const { app, id, token } = await make();
    const other = await enqueue(app, 'note', { value: 2 });
    expectProblem(await app.call('GET', `/status/${other.id}`, undefined, { token }), 403, 'forbidden');
    expectProblem(await app.call('GET', `/status/${nobody}`, undefined, { token }), 403, 'forbidden');
    expectProblem(await app.call('GET', `/executions/${id}`, undefined, { token }), 403, 'forbidden');
    expectProblem(await app.call('POST', `/execute/${id}`, {}, { token }), 403, 'forbidden');
    expectProblem(await app.call('POST', `/attempts/${id}/1/begin`, {}, { token }), 403, 'forbidden');
  });

  test('is good for a week from the enqueue, by the clock of the database', async () => {
    const { app, id } = await make();
    const tokens = signTokens([testSecret]);
    const [row] = await fresh.sql<{ at: string }>('select extract(epoch from now()) as at');
    const at = Math.floor(Number(row?.at));
    const early = tokens.mint({ use: 'status', id, exp: at + 30 });
    const late = tokens.mint({ use: 'status', id, exp: at - 1 });
    expect((await app.call('GET', `/status/${id}`, undefined, { token: early })).status).toBe(200);
    expectProblem(await app.call('GET', `/status/${id}`, undefined, { token: late }), 401, 'unauthenticated');
    expectProblem(
      await app.call('GET', `/executions/${id}/result`, undefined, { token: late }),
      401,
      'unauthenticated',
    );
  });

  test('expires a week after the enqueue', async () => {
    const { id, token } = await make();
    const [row] = await fresh.sql<{ at: Date }>('select enqueued_at as at from mobula.executions where id = $1', [id]);
    const claims = await signTokens([testSecret]).read(token);
    expect(claims).toEqual({
      use: 'status',
      id,
      exp: Math.floor((row?.at.getTime() ?? 0) / 1_000) + limits.statusTokenSeconds,
    });
  });

  test('altered, or signed with another secret, is none', async () => {
    const { app, id, token } = await make();
    const [head, , signature] = token.split('.');
    const payload = Buffer.from(JSON.stringify({ use: 'status', id, exp: 4_000_000_000 })).toString('base64url');
    const foreign = await signTokens(['another-secret-of-well-over-32-bytes!']).mint({
      use: 'status',
      id,
      exp: 4_000_000_000,
    });
    for (const bad of [`${head}.${payload}.${signature}`, `${token}x`, foreign, token.slice(0, -2)]) {
      expectProblem(await app.call('GET', `/status/${id}`, undefined, { token: bad }), 401, 'unauthenticated');
    }
  });

  test('outlives the rotation of the secret it was signed with', async () => {
    const { id, token } = await make();
    const rotated = fresh.make({ env: { MOBULA_SECRET: `a-new-secret-of-well-over-32-bytes!!,${testSecret}` } });
    expect((await rotated.call('GET', `/status/${id}`, undefined, { token })).status).toBe(200);
  });

  test('is null where no secret is configured', async () => {
    const app = fresh.make({ env: { MOBULA_SECRET: undefined } });
    const { status, body } = await app.call('POST', '/tasks', { task: 'note', input: { value: 1 } });
    expect([status, body.status_token]).toEqual([201, null]);
  });
});

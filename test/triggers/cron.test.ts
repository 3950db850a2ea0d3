import { describe, expect, test } from 'vitest';
import { tasks } from '../functions/tasks.ts';
import type { TestEngine } from '../support/engine.ts';
import { enqueue, expectProblem, useFresh } from '../support/fresh.ts';

const fresh = useFresh(tasks);
const secret = 'the-cron-secret-of-the-tests-0123456789';
const make = () => fresh.make({ env: { CRON_SECRET: secret } });

/** As Vercel calls. */
const cron = (app: TestEngine, path: string, token = secret) =>
  app.call('GET', path, undefined, {
    token,
    headers: { 'user-agent': 'vercel-cron/1.0', 'x-vercel-cron-schedule': '* * * * *' },
  });

/** An execution that has been final for as many days. */
async function finished(app: TestEngine, days: number): Promise<string> {
  const { id } = await enqueue(app, 'note', { value: days });
  await app.call('POST', '/run', {});
  await fresh.sql(`update mobula.executions set finished_at = now() - make_interval(days => $2) where id = $1`, [
    id,
    days,
  ]);
  return id;
}

describe('Vercel’s cron', () => {
  test('runs what is due by a GET with its secret', async () => {
    const app = make();
    await enqueue(app, 'note', { value: 1 });
    const answer = await cron(app, '/run');
    expect(answer.body).toMatchObject({ processed: 1, completed: 1 });
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  test('purges by a GET what has been final for a week', async () => {
    const app = make();
    const [old, young] = [await finished(app, 8), await finished(app, 6)];
    expect((await cron(app, '/purge')).body).toMatchObject({ deleted: 1, dry_run: false });
    expect((await app.call('GET', `/executions/${old}`)).status).toBe(404);
    expect((await app.call('GET', `/executions/${young}`)).status).toBe(200);
  });

  test('called twice for one slot does the work once', async () => {
    const app = make();
    await enqueue(app, 'note', { value: 1 });
    const calls = await Promise.all([cron(app, '/run'), cron(app, '/run')]);
    expect(calls.map(({ body }) => body.processed).toSorted()).toEqual([0, 1]);
  });

  test.each(['/run', '/purge'])('is nobody without the secret: %s', async (path) => {
    const app = make();
    const before = await fresh.fingerprint();
    for (const wrong of [null, secret.slice(1), `${secret}x`, 'x']) {
      expectProblem(await app.call('GET', path, undefined, { token: wrong }), 401, 'unauthenticated');
    }
    for (const scope of ['trigger', 'enqueue', 'read', 'admin']) {
      expectProblem(await app.call('GET', path, undefined, { token: scope }), 403, 'forbidden');
    }
    const basic = { authorization: `Basic ${secret}` };
    expectProblem(await app.call('GET', path, undefined, { token: null, headers: basic }), 401, 'unauthenticated');
    expect(await fresh.fingerprint()).toBe(before);
  });

  test.each(['/run', '/purge'])('is not set off by a mere look: HEAD %s', async (path) => {
    const answer = await make().call('HEAD', path, undefined, { token: secret });
    expect([answer.status, answer.headers.get('allow')]).toEqual([405, 'POST, GET']);
  });

  test('says nothing of its own: a query is refused', async () => {
    expectProblem(await cron(make(), '/purge?days=0'), 422, 'unknown_field', 'days');
    expectProblem(await cron(make(), '/run?max_tasks=1'), 422, 'unknown_field', 'max_tasks');
  });

  test('may POST too, and purge so with an empty body only', async () => {
    const app = make();
    const old = await finished(app, 8);
    expect((await app.call('POST', '/run', { max_tasks: 1 }, { token: secret })).status).toBe(200);
    for (const body of [{ days: 0 }, {}]) {
      expectProblem(await app.call('POST', '/purge', body, { token: secret }), 403, 'forbidden');
    }
    expect((await app.call('GET', `/executions/${old}`)).status).toBe(200);
    expect((await app.call('POST', '/purge', undefined, { token: secret })).body).toMatchObject({ deleted: 1 });
  });

  test('opens nothing else', async () => {
    const app = make();
    for (const path of ['/executions', '/health', '/openapi.json', '/docs']) {
      expectProblem(await cron(app, path), 403, 'forbidden');
    }
  });
});

test.each(['/run', '/purge'])('without the setting there is no GET of %s', async (path) => {
  const answer = await cron(fresh.make(), path);
  expectProblem(answer, 405, 'method_not_allowed');
  expect(answer.headers.get('allow')).toBe('POST');
});

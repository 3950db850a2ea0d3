import { Hono } from 'hono';
import { describe, expect, test } from 'vitest';
import { enqueue, expectProblem, useFresh } from '../support/fresh.ts';
import { tasks } from './tasks.ts';

const fresh = useFresh(tasks);

describe('under a base path', () => {
  test('everything is where it would be, below it', async () => {
    const app = fresh.make({ basePath: '/api/mobula', env: { MOBULA_PUBLIC_URL: undefined } });
    const made = await app.call('POST', '/api/mobula/tasks', { task: 'note', input: { value: 1 } });
    expect(made.status).toBe(201);
    expect((await app.call('POST', '/api/mobula/run', {})).body.processed).toBe(1);
    expect((await app.call('GET', made.body.status_url, undefined, { token: made.body.status_token })).status).toBe(
      200,
    );
    expectProblem(await app.call('GET', '/api/mobula/run'), 405, 'method_not_allowed');
    expectProblem(await app.call('GET', '/api/mobula/nothing'), 404, 'not_found');
    expectProblem(await app.call('POST', '/run', {}), 404, 'not_found');
  });

  test('it lives below an app of its caller, which keeps its own routes', async () => {
    const app = fresh.make();
    const parent = new Hono().get('/own', (c) => c.text('mine')).route('/queue', app.app);
    expect(await (await parent.request('/own')).text()).toBe('mine');
    expect((await parent.request('/queue/livez')).status).toBe(200);
    const missing = await parent.request('/queue/nothing');
    expect([missing.status, missing.headers.get('content-type')]).toEqual([404, 'application/problem+json']);
  });
});

describe('what is no route', () => {
  test.each([
    ['GET', '/'],
    ['POST', '/runs'],
    ['GET', '/status'],
    ['GET', '/status/a/b'],
    ['GET', '/../etc/passwd'],
    ['POST', '/tasks/batch/more'],
    ['GET', '/%00'],
  ])('%s %s is a problem answer too', async (method, path) => {
    expectProblem(await fresh.make().call(method, path), 404, 'not_found');
  });

  test.each([
    ['DELETE', '/run', 'POST'],
    ['PUT', '/tasks', 'POST'],
    ['POST', '/livez', 'GET, HEAD'],
    ['POST', '/status/x', 'GET, HEAD'],
    ['GET', '/attempts/x/1/upload', 'POST, PUT'],
  ])('%s %s is told what is allowed', async (method, path, allow) => {
    const answer = await fresh.make().call(method, path);
    expectProblem(answer, 405, 'method_not_allowed');
    expect(answer.headers.get('allow')).toBe(allow);
  });
});

test('the document has every route that is served, and the words of the contract', async () => {
  const { status, body } = await fresh.make().call('GET', '/openapi.json', undefined, { token: 'read' });
  expect([status, body.openapi]).toEqual([200, expect.stringMatching(/^3\.1/)]);
  for (const path of [
    '/run',
    '/run-one',
    '/execute/{id}',
    '/status/{id}',
    '/purge',
    '/tasks',
    '/tasks/batch',
    '/livez',
    '/readyz',
  ]) {
    expect(Object.keys(body.paths)).toContain(path);
  }
});

test('a HEAD is a GET without its body', async () => {
  const app = fresh.make();
  const { id } = await enqueue(app, 'note', { value: 1 });
  const answer = await app.call('HEAD', `/status/${id}`);
  expect([answer.status, answer.text, answer.headers.get('etag')]).toEqual([200, '', '"1-read"']);
});

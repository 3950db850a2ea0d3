import { describe, expect, test } from 'vitest';
import { findFreePort } from '../../infra/local/free-port.ts';
import { enqueue, expectProblem, look, useFresh } from '../support/fresh.ts';
import { tasks } from './tasks.ts';

const fresh = useFresh(tasks);
const form = (text: string) => [text, { headers: { 'content-type': 'application/x-www-form-urlencoded' } }] as const;

describe('what it refuses', () => {
  test.each([
    ['negative max_tasks', { max_tasks: -1 }, 'invalid_request', 'max_tasks'],
    ['half a task', { max_tasks: 1.5 }, 'invalid_request', 'max_tasks'],
    ['max_tasks as text', { max_tasks: '5' }, 'invalid_request', 'max_tasks'],
    ['another backend', { backend_name: 'other' }, 'invalid_request', 'backend_name'],
    ['a queue that is a number', { queue_name: 5 }, 'invalid_request', 'queue_name'],
    ['an unknown field', { queue: 'default' }, 'unknown_field', 'queue'],
  ])('%s', async (_, body, code, field) => {
    const app = fresh.make();
    await enqueue(app, 'note', { value: 1 });
    const before = await fresh.fingerprint();
    expectProblem(await app.call('POST', '/run', body), 422, code, field);
    expect(await fresh.fingerprint()).toBe(before);
  });

  test('a form whose number is none', async () => {
    expectProblem(
      await fresh.make().call('POST', '/run', ...form('max_tasks=many')),
      422,
      'invalid_request',
      'max_tasks',
    );
  });

  test('a body that is no JSON', async () => {
    const answer = await fresh
      .make()
      .call('POST', '/run', '{"max_tasks": 1', { headers: { 'content-type': 'application/json' } });
    expectProblem(answer, 400, 'malformed_body');
  });

  test('a body of another kind', async () => {
    const answer = await fresh
      .make()
      .call('POST', '/run', 'max_tasks: 1', { headers: { 'content-type': 'application/yaml' } });
    expectProblem(answer, 415, 'unsupported_media_type');
  });

  test('another method, with the one that is right', async () => {
    const answer = await fresh.make().call('GET', '/run');
    expectProblem(answer, 405, 'method_not_allowed');
    expect(answer.headers.get('allow')).toBe('POST');
  });

  test.each(['enqueue', 'read'])('the scope %s, before anything is run', async (token) => {
    const app = fresh.make();
    const { id } = await enqueue(app, 'note', { value: 1 });
    expectProblem(await app.call('POST', '/run', {}, { token }), 403, 'forbidden');
    expect((await look(app, id)).state).toBe('QUEUED');
  });

  test('a database that is away is said so, and never taken for an empty queue', async () => {
    const away = `postgres://nobody@127.0.0.1:${await findFreePort()}/none`;
    const answer = await fresh.make({ url: away }).call('POST', '/run', {});
    expectProblem(answer, 503, 'database_unavailable');
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  });
});

test.each(['application/json', 'text/plain', 'application/x-www-form-urlencoded', 'image/png'])(
  'an empty body of type %s is no wish at all',
  async (type) => {
    const { status } = await fresh
      .make()
      .call('POST', '/run', '', { token: 'trigger', headers: { 'content-type': type } });
    expect(status).toBe(200);
  },
);

test('the one backend may be named', async () => {
  expect((await fresh.make().call('POST', '/run', { backend_name: 'default' })).status).toBe(200);
});

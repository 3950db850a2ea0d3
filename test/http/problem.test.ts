import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { MobulaError } from '../../src/core/errors.ts';
import { failureText } from '../../src/http/failure-text.ts';
import { problemAnswer } from '../../src/http/problem.ts';
import { route } from '../../src/http/route.ts';
import { appOf, post } from './support.ts';

const failing = route({
  summary: 'For a test.',
  answers: {},
  method: 'POST',
  path: '/fail',
  operationId: 'fail',
  scope: 'public',
  body: z.object({ how: z.string() }),
  handle: ({ body: { how } }) => {
    if (how === 'purged') throw new MobulaError('execution_purged', 'Gone.', { members: { id: 'x' } });
    if (how === 'busy') throw new MobulaError('at_capacity', 'Full.', { retryAfterSeconds: 2.2 });
    if (how === 'away') throw new MobulaError('database_unavailable', 'Away.', { cause: new Error('ECONNREFUSED') });
    throw new Error('select secret from vault at /app/src/db.ts:1', { cause: new Error('the root of it') });
  },
});

const { app, logged } = appOf([failing]);

const send = async (body: string, headers?: Record<string, string>, path = '/fail') => {
  const response = await app.request(path, post(body, headers));
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: JSON.parse(text) };
};

describe('a failure', () => {
  test('of ours has its status, its code and its members', async () => {
    expect(await send('{"how":"purged"}')).toMatchObject({
      status: 410,
      json: { type: 'about:blank', title: 'Gone', status: 410, code: 'execution_purged', detail: 'Gone.', id: 'x' },
    });
  });

  test('that passes says when to come back', async () => {
    expect((await send('{"how":"busy"}')).headers.get('retry-after')).toBe('3');
    expect((await send('{"how":"away"}')).headers.get('retry-after')).toBe('5');
  });

  test('that nobody foresaw tells its caller nothing, and the log all of it', async () => {
    logged.length = 0;
    const { status, text, json } = await send('{"how":"bug"}');
    expect([status, json.code]).toEqual([500, 'internal']);
    expect(text).not.toMatch(/select|vault|\.ts/);
    expect(logged).toMatchObject([
      { level: 'error', event: 'request_failed', members: { method: 'POST', path: '/fail', code: 'internal' } },
    ]);
    expect(logged[0]?.members['error']).toMatch(/select secret from vault[\s\S]*Caused by: Error: the root of it/);
  });
});

test('a call that failed its caller may show the task all the same, as it was written', async () => {
  const members = [['task', '{"id":"x","result":9007199254740993}']] as const;
  const response = problemAnswer({ code: 'execution_failed', status: 500, detail: 'The attempt failed.', members });
  expect([response.status, response.headers.get('content-type')]).toEqual([500, 'application/problem+json']);
  expect(await response.text()).toBe(
    '{"type":"about:blank","title":"Internal Server Error","status":500,"code":"execution_failed","detail":"The attempt failed.","task":{"id":"x","result":9007199254740993}}',
  );
});

describe('the log', () => {
  test('learns of a failed statement without its parameters, and of its cause', () => {
    const cause = new Error('connection terminated');
    const failed = Object.assign(new Error('Failed query: insert … params: hunter2', { cause }), {
      params: ['hunter2'],
    });
    const text = failureText(new Error('No database.', { cause: failed }));
    expect(text).toMatch(
      /^Error: No database\.[\s\S]*Caused by: Error in a statement\nCaused by: Error: connection terminated/,
    );
    expect(text).not.toContain('hunter2');
  });

  test('is not filled by causes that go round', () => {
    const round = new Error('round');
    round.cause = round;
    expect(failureText(round).match(/Caused by/g)).toHaveLength(4);
  });
});

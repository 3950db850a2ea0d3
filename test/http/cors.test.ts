import { Hono } from 'hono';
import { describe, expect, test } from 'vitest';
import { createAccess } from '../../src/http/auth.ts';
import type { Scope } from '../../src/http/caller.ts';
import { scopes } from '../../src/http/caller.ts';
import { answer } from '../../src/http/json-answer.ts';
import { mountRoutes } from '../../src/http/mount.ts';
import { type Method, route } from '../../src/http/route.ts';
import { authorization, bearer, lists } from './support.ts';

const make = (path: string, scope: Scope, method: Method = 'GET') =>
  route({
    method,
    path,
    operationId: path + method,
    scope,
    summary: 'For a test.',
    answers: {},
    handle: () => answer(200, {}, { etag: '"1"' }),
  });

const routes = [
  ...scopes.map((scope) => make(`/${scope}`, scope)),
  make('/executions/:id', 'read'),
  make('/executions/:id', 'admin', 'DELETE'),
  make('/tasks', 'enqueue', 'POST'),
];
const mounted = (corsOrigins: readonly string[]) =>
  mountRoutes(new Hono(), routes, { access: createAccess(lists), maxBodyBytes: 10, log: () => {}, corsOrigins });

const page = 'https://app.test';
const app = mounted(['https://other.test:8443', page]);
const closed = mounted([]);

const preflight = (path: string, method: string, origin = page, asked = app) =>
  asked.request(path, {
    method: 'OPTIONS',
    headers: {
      origin,
      'access-control-request-method': method,
      'access-control-request-headers': 'authorization,content-type',
    },
  });
const allowed = (response: Response) => response.headers.get('access-control-allow-origin');

describe('a page of a configured origin', () => {
  test('may look and enqueue: the preflight says how', async () => {
    for (const [path, method] of [
      ['/status', 'GET'],
      ['/read', 'GET'],
      ['/executions/1', 'GET'],
      ['/tasks', 'POST'],
    ] as const) {
      const response = await preflight(path, method);
      expect([path, response.status, allowed(response)]).toEqual([path, 204, page]);
      expect(response.headers.get('access-control-allow-methods')).toBe(method);
      expect(response.headers.get('access-control-allow-headers')).toContain('authorization');
      expect(response.headers.get('vary')).toBe('origin');
      expect(response.headers.has('access-control-allow-credentials')).toBe(false);
    }
  });

  test('reads the answer, and the headers that a poller needs', async () => {
    const headers = { origin: page, ...authorization(bearer.read) };
    const response = await app.request('/status', { headers });
    expect([response.status, allowed(response), response.headers.get('vary')]).toEqual([200, page, 'origin']);
    expect(response.headers.get('access-control-expose-headers')).toBe('etag, retry-after, location');
  });

  test('reads why it was refused', async () => {
    const response = await app.request('/status', { headers: { origin: page } });
    expect([response.status, allowed(response)]).toEqual([401, page]);
  });

  test.each([
    ['/trigger', 'GET'],
    ['/cron', 'GET'],
    ['/admin', 'GET'],
    ['/purge', 'GET'],
    ['/begin', 'GET'],
    ['/attempt', 'GET'],
    ['/hook', 'GET'],
    ['/public', 'GET'],
    ['/executions/1', 'DELETE'],
    ['/status', 'POST'],
    ['/tasks', 'GET'],
  ])('may not ask for more: %s %s', async (path, method) => {
    const response = await preflight(path, method);
    expect([response.status, allowed(response)]).toEqual([405, null]);
  });

  test('reads nothing of a call that is not a page’s, should it be made without a preflight', async () => {
    for (const [path, token] of [
      ['/trigger', bearer.trigger],
      ['/admin', bearer.admin],
    ] as const) {
      const response = await app.request(path, { headers: { origin: page, ...authorization(token) } });
      expect([response.status, allowed(response)]).toEqual([200, null]);
    }
    const deleted = await app.request('/executions/1', {
      method: 'DELETE',
      headers: { origin: page, 'access-control-request-method': 'GET', ...authorization(bearer.admin) },
    });
    expect([deleted.status, allowed(deleted)]).toEqual([200, null]);
  });
});

describe('any other origin', () => {
  test.each([
    'null',
    '*',
    '',
    'https://app.test.evil.io',
    'https://app.test:444',
    'http://app.test',
    'https://APP.test',
    'https://app.test/',
  ])('is not let in: "%s"', async (origin) => {
    for (const response of [
      await preflight('/status', 'GET', origin),
      await app.request('/status', { headers: { origin, ...authorization(bearer.read) } }),
    ]) {
      expect(allowed(response)).toBeNull();
      expect(response.headers.get('vary')).toBe('origin');
    }
    expect((await preflight('/status', 'GET', origin)).status).toBe(405);
  });
});

test('with nothing configured there is no word of origins', async () => {
  const response = await closed.request('/status', { headers: { origin: page, ...authorization(bearer.read) } });
  expect([response.status, allowed(response), response.headers.get('vary')]).toEqual([200, null, null]);
  expect((await preflight('/status', 'GET', page, closed)).status).toBe(405);
});

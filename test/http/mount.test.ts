import { Hono } from 'hono';
import { describe, expect, test } from 'vitest';
import { createAccess } from '../../src/http/auth.ts';
import { answer } from '../../src/http/json-answer.ts';
import { mountRoutes } from '../../src/http/mount.ts';
import { route } from '../../src/http/route.ts';
import { appOf, authorization, bearer, lists, post } from './support.ts';

const words = { summary: 'For a test.', answers: { 200: { description: 'It worked.' } } };

const fixed = (path: string, method: 'GET' | 'POST' | 'DELETE' = 'GET') =>
  route({
    ...words,
    method,
    path,
    operationId: path,
    scope: 'public',
    handle: ({ params }) => answer(200, { path, params }),
  });

const guarded = route({
  ...words,
  method: 'POST',
  path: '/guarded',
  operationId: 'guarded',
  scope: 'admin',
  handle: () => answer(200, {}),
});

const { app } = appOf([
  fixed('/echo/:id', 'POST'),
  fixed('/things/:id'),
  fixed('/things/:id', 'DELETE'),
  fixed('/things/stats'),
  guarded,
]);

describe('the way in', () => {
  test('an unknown route is a problem, under any method', async () => {
    for (const method of ['GET', 'POST', 'OPTIONS', 'PATCH']) {
      const response = await app.request('/nowhere', { method });
      expect(response.status).toBe(404);
      expect(response.headers.get('content-type')).toBe('application/problem+json');
      expect(await response.json()).toMatchObject({
        status: 404,
        code: 'not_found',
        title: 'Not Found',
        type: 'about:blank',
      });
    }
  });

  test('a wrong method is told the right ones', async () => {
    const get = await app.request('/echo/7');
    expect([get.status, get.headers.get('allow')]).toEqual([405, 'POST']);
    const options = await app.request('/things/1', { method: 'OPTIONS' });
    expect([options.status, options.headers.get('allow')]).toEqual([405, 'GET, HEAD, DELETE']);
    expect((await app.request('/echo/7', { method: 'HEAD' })).status).toBe(405);
  });

  test('HEAD is GET without a body', async () => {
    const response = await app.request('/things/1', { method: 'HEAD' });
    expect([response.status, await response.text()]).toEqual([200, '']);
  });

  test('a fixed segment is not taken for a parameter, whatever the order of the routes', async () => {
    expect(await (await app.request('/things/stats')).json()).toEqual({ path: '/things/stats', params: {} });
    expect(await (await app.request('/things/a%2Fb')).json()).toMatchObject({ params: { id: 'a/b' } });
  });

  test('every odd path is answered, and by nobody but its own route', async () => {
    for (const path of [
      '/things/',
      '/things//1',
      '/things/%zz',
      '/things/..%2fguarded',
      `/things/${'x'.repeat(10_000)}`,
      '/THINGS/1',
      '/guarded/',
    ]) {
      const { status } = await app.request(path);
      expect([200, 404]).toContain(status);
    }
    expect((await app.request('/things/../guarded', { method: 'POST' })).status).toBe(401);
  });

  test('proof comes before anything is parsed', async () => {
    const garbage = { body: '{{{', headers: { 'content-type': 'text/html' } };
    const without = await app.request('/guarded?x=1', { method: 'POST', ...garbage });
    expect([without.status, without.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
    const wrong = await app.request(
      '/guarded?x=1',
      post('{{{', { ...authorization(bearer.trigger), 'content-type': 'text/html' }),
    );
    expect([wrong.status, await wrong.json()]).toMatchObject([403, { code: 'forbidden' }]);
  });

  test('the app works under any base path', async () => {
    const parent = new Hono().route('/deep/down', app);
    expect((await parent.request('/deep/down/things/1')).status).toBe(200);
    expect(await (await parent.request('/deep/down/nowhere')).json()).toMatchObject({ code: 'not_found' });
    expect((await parent.request('/deep/down/guarded', { method: 'POST' })).status).toBe(401);

    const options = { access: createAccess(lists), maxBodyBytes: 10, log: () => {} };
    const based = mountRoutes(new Hono().basePath('/base'), [fixed('/things/:id')], options);
    expect((await based.request('/base/things/1')).status).toBe(200);
    expect((await based.request('/things/1')).headers.get('content-type')).toBe('application/problem+json');
  });

  test('every answer carries the headers that keep it from being misread', async () => {
    for (const path of ['/things/1', '/nowhere', '/echo/1']) {
      const { headers } = await app.request(path);
      expect(headers.get('x-content-type-options')).toBe('nosniff');
      expect(headers.get('content-security-policy')).toBe("default-src 'none'");
      expect(headers.get('referrer-policy')).toBe('no-referrer');
      expect(headers.get('cache-control')).toBe('no-store');
      expect(headers.has('x-powered-by')).toBe(false);
    }
  });

  test('an answer to https keeps its caller there; one to plain http does so where everybody comes by https', async () => {
    const hsts = async (asked: Hono, url: string) =>
      (await asked.request(url)).headers.get('strict-transport-security');
    for (const path of ['/things/1', '/nowhere']) {
      expect(await hsts(app, `https://mobula.test${path}`)).toBe('max-age=31536000');
      expect(await hsts(app, `http://mobula.test${path}`)).toBeNull();
      const options = { access: createAccess(lists), maxBodyBytes: 10, log: () => {}, isHttps: true };
      const behindProxy = mountRoutes(new Hono(), [fixed('/things/:id')], options);
      expect(await hsts(behindProxy, `http://10.0.0.1${path}`)).toBe('max-age=31536000');
    }
  });
});

import { describe, expect, test } from 'vitest';
import { routesOf } from '../../functions/app.ts';
import type { Route } from '../../src/http/route.ts';
import { bearerTokens, type TestEngine } from '../support/engine.ts';
import { enqueue, expectProblem, useFresh } from '../support/fresh.ts';
import { tasks } from './tasks.ts';

const fresh = useFresh(tasks);
const nobody = '00000000-0000-7000-8000-000000000000';
const nothingSet = {
  MOBULA_SECRET: undefined,
  MOBULA_TRIGGER_TOKENS: undefined,
  MOBULA_ENQUEUE_TOKENS: undefined,
  MOBULA_READ_TOKENS: undefined,
  MOBULA_ADMIN_TOKENS: undefined,
};

const pathOf = ({ path }: Route) => path.replace(':id', nobody).replace(':attempt', '1');
const routes = (app: TestEngine) => routesOf({ ...app.mobula, callSeconds: 1 });
const isPublic = ({ path }: Route) => path === '/livez' || path === '/readyz';

describe('with nothing configured', () => {
  test('every route but /livez and /readyz is 401, whatever is sent', async () => {
    const app = fresh.make({ env: nothingSet });
    for (const route of routes(app)) {
      for (const token of [null, '', 'x'.repeat(64), ...Object.values(bearerTokens)]) {
        const answer = await app.call(route.method, pathOf(route), route.method === 'GET' ? undefined : '{"bad":', {
          token,
        });
        if (isPublic(route)) expect(answer.status).toBe(200);
        else expectProblem(answer, 401, 'unauthenticated');
      }
    }
  });

  test('a 401 says which proof is wanted', async () => {
    const { headers } = await fresh.make({ env: nothingSet }).call('POST', '/run', {}, { token: null });
    expect(headers.get('www-authenticate')).toBe('Bearer');
  });
});

describe('each route is for its scope', () => {
  const scopes: Readonly<Record<string, readonly string[]>> = {
    'POST /run': ['trigger', 'admin'],
    'POST /run-one': ['trigger', 'admin'],
    'POST /execute/:id': ['trigger', 'admin'],
    'GET /status/:id': ['read', 'admin'],
    'POST /purge': ['admin'],
    'POST /tasks': ['enqueue', 'admin'],
    'POST /tasks/batch': ['enqueue', 'admin'],
    'GET /executions/:id': ['read', 'admin'],
    'GET /executions/:id/result': ['read', 'admin'],
    'GET /health': ['read', 'admin'],
    'GET /openapi.json': ['read', 'admin'],
    'POST /attempts/:id/:attempt/begin': [],
    'POST /attempts/:id/:attempt/beat': [],
    'POST /attempts/:id/:attempt/complete': [],
    'POST /attempts/:id/:attempt/upload': [],
    'PUT /attempts/:id/:attempt/upload': [],
  };

  test.each(Object.entries(scopes))('%s: %j', async (name, allowed) => {
    const app = fresh.make();
    const route = routes(app).find(({ method, path }) => `${method} ${path}` === name);
    expect(route, 'the route is there').toBeDefined();
    for (const scope of ['trigger', 'enqueue', 'read', 'admin']) {
      const answer = await app.call(route!.method, pathOf(route!), route!.method === 'GET' ? undefined : '', {
        token: scope,
      });
      if (allowed.includes(scope)) expect([401, 403]).not.toContain(answer.status);
      else expectProblem(answer, 403, 'forbidden');
    }
    expectProblem(
      await app.call(route!.method, pathOf(route!), undefined, { token: 'z'.repeat(40) }),
      401,
      'unauthenticated',
    );
  });

  test('no route of the five functions and around them is missing above', () => {
    const served = routes(fresh.make())
      .filter((route) => !isPublic(route))
      .map(({ method, path }) => `${method} ${path}`);
    for (const name of Object.keys(scopes)) expect(served).toContain(name);
  });
});

describe('a rejected call', () => {
  test.each([
    ['/run', {}],
    ['/run-one', {}],
    ['/purge', { days: 0 }],
    ['/tasks', { task: 'note', input: { value: 1 } }],
  ])('%s does nothing', async (path, body) => {
    const app = fresh.make();
    await enqueue(app, 'note', { value: 1 });
    await fresh.sql(
      `update mobula.executions set state = 'SUCCEEDED', ready = false, finished_at = now() - interval '1 year' where false`,
    );
    const before = await fresh.fingerprint();
    for (const token of [null, 'nonsense-nonsense-nonsense-nonsense', bearerTokens.trigger.slice(0, -1)]) {
      expectProblem(await app.call('POST', path, body, { token }), 401, 'unauthenticated');
    }
    expect(await fresh.fingerprint()).toBe(before);
  });

  test('learns nothing of what its body would have been found wrong for', async () => {
    const app = fresh.make();
    for (const body of ['{"tasks":', { task: 'nope' }, 'x'.repeat(2_000_000)]) {
      const headers = { 'content-type': 'application/json' };
      expectProblem(await app.call('POST', '/tasks', body, { token: null, headers }), 401, 'unauthenticated');
      expectProblem(await app.call('POST', '/tasks', body, { token: 'read', headers }), 403, 'forbidden');
    }
  });

  test.each(['Basic', 'Token', ''])('the scheme `%s` is no proof', async (scheme) => {
    const headers = { authorization: `${scheme} ${bearerTokens.trigger}`.trim() };
    expectProblem(await fresh.make().call('POST', '/run', {}, { token: null, headers }), 401, 'unauthenticated');
  });
});

test('one of several tokens of a scope is enough, and rotation so possible', async () => {
  const app = fresh.make({ env: { MOBULA_TRIGGER_TOKENS: `${'o'.repeat(32)},${bearerTokens.trigger}` } });
  for (const token of ['o'.repeat(32), 'trigger'])
    expect((await app.call('POST', '/run', {}, { token })).status).toBe(200);
});

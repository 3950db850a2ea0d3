import { describe, expect, test } from 'vitest';
import type { Scope } from '../../src/http/caller.ts';
import { scopes } from '../../src/http/caller.ts';
import { answer } from '../../src/http/json-answer.ts';
import { route } from '../../src/http/route.ts';
import { signTokens } from '../../src/http/tokens.ts';
import { appOf, authorization, bearer, lists } from './support.ts';

const tokens = signTokens(['s'.repeat(32)]);
const id = '0193a0b0-0000-7000-8000-000000000001';
const exp = 1_900_000_000;
const status = tokens.mint({ use: 'status', id, exp });
const begin = tokens.mint({ use: 'begin', id, attempt: 2 });
const attempt = tokens.mint({ use: 'attempt', id, attempt: 2, nonce: 'n', task: 't' });

const paths: Record<Scope, string> = {
  public: '/public',
  trigger: '/trigger',
  cron: '/cron',
  enqueue: '/enqueue',
  read: '/read',
  admin: '/admin',
  purge: '/purge',
  status: '/status/:id',
  begin: '/attempts/:id/:attempt/begin',
  attempt: '/attempts/:id/:attempt/beat',
  attempts: '/attempts/beat',
  hook: '/hooks/:name',
};

const routes = scopes.map((scope) =>
  route({
    method: 'GET',
    path: paths[scope],
    operationId: scope,
    scope,
    summary: 'For a test.',
    answers: { 200: { description: 'Admitted.' } },
    handle: ({ caller }) =>
      answer(200, { caller: { ...caller, ...('scopes' in caller ? { scopes: [...caller.scopes] } : {}) } }),
  }),
);

const { app } = appOf(routes, { tokens });
const ask = (path: string, headers: Record<string, string> = {}, asked = app) => asked.request(path, { headers });
const concrete = (scope: Scope) => paths[scope].replace(':id', id).replace(':attempt', '2');

/** What each proof opens, of its own execution and attempt; everything else is 403. */
const opens: Record<string, readonly Scope[]> = {
  [bearer.trigger]: ['public', 'trigger'],
  [bearer.enqueue]: ['public', 'enqueue'],
  [bearer.read]: ['public', 'read', 'status'],
  [bearer.admin]: ['public', 'trigger', 'enqueue', 'read', 'admin', 'purge', 'status'],
  [status]: ['public', 'status'],
  [begin]: ['public', 'begin', 'attempts'],
  [attempt]: ['public', 'begin', 'attempt', 'attempts'],
};

describe('a proof', () => {
  test.each(Object.entries(opens))('opens its own scope and nothing else: %s', async (token, opened) => {
    for (const scope of scopes) {
      const expected = opened.includes(scope) ? 200 : 403;
      expect([scope, (await ask(concrete(scope), authorization(token))).status]).toEqual([scope, expected]);
    }
  });

  test('of one execution or attempt is not good for another', async () => {
    const other = id.replace(/1$/, '2');
    expect((await ask(`/status/${other}`, authorization(status))).status).toBe(403);
    for (const path of [`/attempts/${other}/2/beat`, `/attempts/${id}/3/beat`, `/attempts/${id}/02/beat`]) {
      expect((await ask(path, authorization(attempt))).status).toBe(403);
    }
    expect((await ask(`/attempts/${id}/1/begin`, authorization(begin))).status).toBe(403);
  });

  test('makes a caller of what it says', async () => {
    const callerOf = async (scope: Scope, token: string) =>
      ((await (await ask(concrete(scope), authorization(token))).json()) as { caller: unknown }).caller;
    expect(await callerOf('trigger', bearer.trigger)).toEqual({ kind: 'bearer', scopes: ['trigger'] });
    expect(await callerOf('status', status)).toEqual({
      kind: 'status',
      executionId: id,
      expiresAt: new Date(exp * 1_000).toISOString(),
    });
    expect(await callerOf('begin', begin)).toEqual({
      kind: 'attempt',
      executionId: id,
      attempt: 2,
      nonce: null,
      task: null,
    });
    expect(await callerOf('attempt', attempt)).toEqual({
      kind: 'attempt',
      executionId: id,
      attempt: 2,
      nonce: 'n',
      task: 't',
    });
  });

  test('may be in several lists, and opens what each of them opens', async () => {
    const both = appOf(routes, { triggerTokens: [bearer.read] }).app;
    expect((await ask('/trigger', authorization(bearer.read), both)).status).toBe(200);
    expect((await ask('/read', authorization(bearer.read), both)).status).toBe(200);
  });

  test.each([
    ['none', {}],
    ['an unknown token', authorization('x'.repeat(40))],
    ['a token of one character', authorization('x')],
    ['a token of ten kilobytes', authorization('x'.repeat(10_000))],
    ['no token', { authorization: 'Bearer' }],
    ['another scheme', { authorization: `Basic ${bearer.admin}` }],
    ['a made-up scheme', { authorization: `Token ${bearer.admin}` }],
    ['no scheme', { authorization: bearer.admin }],
    ['a prefix of the token', authorization(bearer.admin.slice(0, -1))],
    ['more than the token', authorization(`${bearer.admin} x`)],
    ['a signed token with a byte changed', authorization(`${status.slice(0, -2)}AA`)],
  ])('is missing: %s', async (_what, headers) => {
    for (const scope of scopes.filter((scope) => scope !== 'public')) {
      const response = await ask(concrete(scope), headers);
      expect([response.status, response.headers.get('www-authenticate')]).toEqual([401, 'Bearer']);
    }
  });

  test('may be of any case in its scheme', async () => {
    expect((await ask('/admin', { authorization: `bearer ${bearer.admin}` })).status).toBe(200);
    expect((await ask('/admin', { authorization: `BEARER   ${bearer.admin}` })).status).toBe(200);
  });
});

test('with nothing configured every route but the public is closed', async () => {
  const none = { triggerTokens: [], enqueueTokens: [], readTokens: [], adminTokens: [], tokens: null };
  const closed = appOf(routes, none).app;
  for (const scope of scopes) {
    for (const token of [bearer.admin, status, attempt, '']) {
      expect((await ask(concrete(scope), authorization(token), closed)).status).toBe(scope === 'public' ? 200 : 401);
    }
  }
});

test('a further kind of proof slots in, and may read the body that it signs', async () => {
  const signed = route({
    method: 'POST',
    path: '/signed',
    operationId: 'signed',
    scope: 'trigger',
    summary: 'For a test.',
    answers: {},
    handle: async ({ caller, readBytes }) => answer(200, { kind: caller.kind, bytes: (await readBytes()).length }),
  });
  const bySize = appOf([signed], {
    ...lists,
    provers: [
      async ({ request, readBytes }) => {
        if (!request.headers.has('x-size')) return null;
        const { length } = await readBytes();
        return String(length) === request.headers.get('x-size')
          ? { kind: 'bearer', scopes: new Set(['trigger']) }
          : null;
      },
    ],
  }).app;
  const knock = (headers: Record<string, string>) =>
    bySize.request('/signed', {
      method: 'POST',
      body: '{}',
      headers: { 'content-type': 'application/json', ...headers },
    });
  expect(await (await knock({ 'x-size': '2' })).json()).toEqual({ kind: 'bearer', bytes: 2 });
  expect((await knock({ 'x-size': '3' })).status).toBe(401);
  expect((await knock({})).status).toBe(401);
});

import { bearer } from 'mobula';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { documentOf, routesOf } from '../../functions/app.ts';
import type { Hooks } from '../../src/core/hook.ts';
import type { Route } from '../../src/http/route.ts';
import { bearerTokens, type TestEngine } from '../support/engine.ts';
import { enqueue, useFresh } from '../support/fresh.ts';
import { Issuer } from '../support/issuer.ts';
import { fromQstash } from '../support/senders.ts';
import { note, tasks } from './tasks.ts';

const fresh = useFresh(tasks);
const base = 'https://mobula.test';
const [cron, key, hookToken] = [
  'the-cron-secret-of-the-tests-0123456789',
  'sig_the-signing-key-of-the-tests-0',
  'the-hook-token-of-the-tests-0123456789',
];
const hooks: Hooks = { plain: { task: note, verify: bearer(), input: () => ({ value: 1 }) } };

let issuer: Issuer;
beforeAll(async () => {
  issuer = await Issuer.start();
});
afterAll(() => issuer.close());

let app: TestEngine;
let id: string;
beforeEach(async () => {
  app = fresh.make({
    hooks,
    callSeconds: 1,
    env: {
      MOBULA_PUBLIC_URL: base,
      CRON_SECRET: cron,
      QSTASH_CURRENT_SIGNING_KEY: key,
      MOBULA_HOOK_PLAIN_SECRETS: hookToken,
      MOBULA_OIDC_AUDIENCE: base,
      MOBULA_OIDC_EMAILS: 'cron@project.test',
      MOBULA_OIDC_JWKS_URL: issuer.keysUrl,
    },
  });
  ({ id } = await enqueue(app, 'note', { value: 1 }));
});

const exp = () => Math.floor(Date.now() / 1_000) + 600;
const token = (text: string) => ({ authorization: `Bearer ${text}` });
const signed = async (claims: Parameters<NonNullable<TestEngine['mobula']['tokens']>['mint']>[0]) =>
  token((await app.mobula.tokens?.mint(claims)) ?? '');

/** Every kind of proof, each as good as it can be for the path that it is sent to. */
const proofs: Record<string, (path: string) => Promise<Record<string, string>>> = {
  trigger: async () => token(bearerTokens.trigger),
  enqueue: async () => token(bearerTokens.enqueue),
  read: async () => token(bearerTokens.read),
  admin: async () => token(bearerTokens.admin),
  cron_secret: async () => token(cron),
  oidc: async () =>
    token(
      await issuer.sign({
        iss: 'https://accounts.google.com',
        aud: base,
        email: 'cron@project.test',
        email_verified: true,
        exp: exp(),
      }),
    ),
  qstash: async (path) => (await fromQstash(key, '', { url: base + path })).headers,
  status_token: () => signed({ use: 'status', id, exp: exp() }),
  begin_capability: () => signed({ use: 'begin', id, attempt: 1 }),
  capability: () => signed({ use: 'attempt', id, attempt: 1, nonce: 'n', task: 'note' }),
  hook: async () => token(hookToken),
};

const trigger = ['trigger', 'oidc', 'cron_secret', 'qstash', 'admin'];
const read = ['read', 'admin'];
const status = ['read', 'status_token', 'admin'];

/** What opens each route, as the contract has it. */
const opens: Record<string, readonly string[]> = {
  'POST /run': trigger,
  'GET /run': ['cron_secret'],
  'POST /run-one': trigger,
  'POST /execute/:id': trigger,
  'GET /status/:id': status,
  'POST /purge': ['admin', 'oidc', 'cron_secret'],
  'GET /purge': ['cron_secret'],
  'POST /tasks': ['enqueue', 'admin'],
  'POST /tasks/batch': ['enqueue', 'admin'],
  'GET /executions': read,
  'GET /executions/stats': read,
  'GET /executions/:id': read,
  'GET /executions/:id/result': status,
  'GET /executions/:id/logs': read,
  'POST /executions/:id/cancel': ['admin'],
  'POST /executions/:id/retry': ['admin'],
  'POST /executions/reset': ['admin'],
  'DELETE /executions/:id': ['admin'],
  'POST /hooks/:name': ['hook'],
  'POST /attempts/begin': ['begin_capability', 'capability'],
  'POST /attempts/beat': ['begin_capability', 'capability'],
  'POST /attempts/complete': ['begin_capability', 'capability'],
  'POST /attempts/:id/:attempt/begin': ['begin_capability', 'capability'],
  'POST /attempts/:id/:attempt/beat': ['capability'],
  'POST /attempts/:id/:attempt/complete': ['capability'],
  'POST /attempts/:id/:attempt/upload': ['capability'],
  'PUT /attempts/:id/:attempt/upload': ['capability'],
  'GET /livez': [],
  'GET /readyz': [],
  'GET /health': read,
  'GET /metrics': read,
  'GET /openapi.json': read,
  'GET /docs': read,
};

const served = (): Route[] => routesOf({ ...app.mobula, callSeconds: 1 });
const nameOf = ({ method, path }: Route) => `${method} ${path}`;
const isPublic = (name: string) => name === 'GET /livez' || name === 'GET /readyz';

test('there is no route that the table does not have, and none less', () => {
  expect(served().map(nameOf).toSorted()).toEqual(Object.keys(opens).toSorted());
});

test('the document says of each route what opens it', () => {
  const document = documentOf(served()) as { paths: Record<string, Record<string, { security: object[] }>> };
  for (const [name, expected] of Object.entries(opens)) {
    const [method = '', path = ''] = name.split(' ');
    const { security = [] } = document.paths[path.replace(/:(\w+)/g, '{$1}')]?.[method.toLowerCase()] ?? {};
    expect([name, security.flatMap(Object.keys).toSorted()]).toEqual([name, [...expected].toSorted()]);
  }
});

describe.each(Object.entries(opens))('%s', (name, expected) => {
  const [method = '', path = ''] = name.split(' ');

  test(isPublic(name) ? 'is public' : `is opened by ${expected.join(', ')} and by nothing else`, async () => {
    const concrete = path.replace(':id', id).replace(':attempt', '1').replace(':name', 'plain');
    const admitted: string[] = [];
    for (const [kind, make] of Object.entries(proofs)) {
      const headers = await make(concrete);
      const answer = await app.call(method, concrete, undefined, { token: null, headers });
      if (answer.status !== 401 && answer.status !== 403) admitted.push(kind);
    }
    expect(admitted.toSorted()).toEqual(isPublic(name) ? Object.keys(proofs).toSorted() : [...expected].toSorted());
    const without = await app.call(method, concrete, undefined, { token: null });
    expect(without.status === 401).toBe(!isPublic(name));
  });
});

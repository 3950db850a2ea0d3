import { bearer, github, qstash, standardWebhooks, task } from 'mobula';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import type { Hooks } from '../../src/core/hook.ts';
import { expectProblem, look, useFresh } from '../support/fresh.ts';
import { fromGithub, fromQstash, fromStandardWebhooks, type Sent, whsec } from '../support/senders.ts';
import { note, noted, tasks } from './tasks.ts';

const build = task({ name: 'build', input: z.object({ ref: z.string() }), run: ({ ref }) => `built ${ref}` });
const fresh = useFresh([...tasks, build]);

const secrets = {
  MOBULA_HOOK_GITHUB_SECRETS: 'the-older-github-secret-of-the-tests,the-newer-github-secret-of-the-tests',
  MOBULA_HOOK_SHOP_LIVE_SECRETS: `${whsec(24)},${whsec(64, 't')}`,
  MOBULA_HOOK_QUEUE_SECRETS: 'sig_the-current-key-of-the-tests-0,sig_the-next-key-of-the-tests-0123',
  MOBULA_HOOK_PLAIN_SECRETS: 'the-plain-token-of-the-tests-012345',
};
const [older, newer] = secrets.MOBULA_HOOK_GITHUB_SECRETS.split(',') as [string, string];
const [shop, newerShop] = secrets.MOBULA_HOOK_SHOP_LIVE_SECRETS.split(',') as [string, string];

const hooks: Hooks = {
  github: {
    task: build,
    verify: github(),
    input: ({ ref }, { headers }) => (headers.get('x-github-event') === 'push' ? { ref } : null),
  },
  'shop-live': { task: note, verify: standardWebhooks(), input: (value) => ({ value }) },
  queue: { task: note, verify: qstash(), input: async (value) => ({ value }) },
  plain: {
    task: note,
    verify: bearer(),
    input: ({ value, bad }) => {
      if (bad === 'throws') throw new RangeError('canary-of-the-payload');
      return bad === 'unsayable' ? { value: Number.NaN } : { value };
    },
  },
};
const base = 'https://mobula.test';
const make = (options: Parameters<typeof fresh.make>[0] = {}) =>
  fresh.make({ hooks, env: { MOBULA_PUBLIC_URL: base, ...secrets }, ...options });
type App = ReturnType<typeof make>;

const deliver = (app: App, hook: string, { body, headers }: Sent) =>
  app.call('POST', `/hooks/${hook}`, body, { token: null, headers });
const plain = (body: string, headers: Record<string, string> = {}): Sent => ({
  body,
  headers: {
    'content-type': 'application/json',
    authorization: `Bearer ${secrets.MOBULA_HOOK_PLAIN_SECRETS}`,
    ...headers,
  },
});
const count = async () => (await fresh.sql('select 1 from mobula.executions')).length;
const push = '{"ref":"refs/heads/main"}';

describe('a delivery', () => {
  test('becomes an execution of its hook’s task, with the input that the hook made of it', async () => {
    const app = make();
    const answer = await deliver(app, 'github', await fromGithub(newer, push));
    expect(answer.status, answer.text).toBe(201);
    expect(answer.body).toEqual({
      task: { id: expect.any(String), task: 'build', state: 'QUEUED', status: 'READY' },
    });
    await app.call('POST', '/run', {});
    expect(await look(app, answer.body.task.id)).toMatchObject({ result: 'built refs/heads/main' });
  });

  test('is taken by every scheme, and under each of several secrets', async () => {
    const app = make();
    const sent = [
      ['github', await fromGithub(older, push)],
      ['shop-live', fromStandardWebhooks(shop, '{"a":1}')],
      ['shop-live', fromStandardWebhooks(newerShop, '{"a":1}')],
      ['queue', await fromQstash('sig_the-current-key-of-the-tests-0', '1', { url: `${base}/hooks/queue` })],
      ['queue', await fromQstash('sig_the-next-key-of-the-tests-0123', '2', { url: `${base}/hooks/queue` })],
      ['plain', plain('{"value":3}')],
    ] as const;
    for (const [hook, delivery] of sent)
      expect([hook, (await deliver(app, hook, delivery)).status]).toEqual([hook, 201]);
    expect(await count()).toBe(6);
  });

  test('without a body is an empty object', async () => {
    const app = make();
    await deliver(app, 'shop-live', fromStandardWebhooks(shop, ''));
    await app.call('POST', '/run', {});
    expect(noted.at(-1)).toEqual({});
  });

  test('keeps integers that a double cannot hold', async () => {
    const app = make();
    const { body } = await deliver(app, 'shop-live', fromStandardWebhooks(shop, '{"n":9007199254740993}'));
    await app.call('POST', '/run', {});
    expect((await app.call('GET', `/executions/${body.task.id}/result`)).text).toBe('{"n":9007199254740993}');
  });

  test('that the hook lets pass is acknowledged, and nothing is stored', async () => {
    const app = make();
    const sent = await fromGithub(newer, '{"zen":"Keep it logically awesome."}');
    const answer = await deliver(app, 'github', { ...sent, headers: { ...sent.headers, 'x-github-event': 'ping' } });
    expect([answer.status, answer.body, await count()]).toEqual([200, { ignored: true }, 0]);
  });

  test.each([
    ['not JSON', '{"ref":', 400, 'malformed_body', undefined],
    ['of a mapping that fails', '{"bad":"throws"}', 422, 'invalid_request', undefined],
    ['of a mapping that gives what JSON cannot say', '{"bad":"unsayable"}', 422, 'invalid_request', undefined],
  ] as const)('%s is refused, and nothing is stored', async (_, body, status, code, field) => {
    const app = make();
    const answer = await deliver(app, 'plain', plain(body));
    expectProblem(answer, status, code, field);
    expect(answer.text).not.toContain('canary');
    expect(await count()).toBe(0);
  });

  test('whose input the task does not take is refused by the field', async () => {
    expectProblem(
      await deliver(make(), 'github', await fromGithub(newer, '{"ref":5}')),
      422,
      'invalid_request',
      'input.ref',
    );
  });

  test('that failed in the mapping is told to the log, with its id', async () => {
    const app = make();
    await deliver(app, 'plain', plain('{"bad":"throws"}', { 'idempotency-key': 'd-1' }));
    expect(app.lines).toMatchObject([{ event: 'delivery_refused', members: { task: 'note', delivery: 'd-1' } }]);
  });

  test('of another type than JSON is refused', async () => {
    const form = { 'content-type': 'application/x-www-form-urlencoded' };
    expectProblem(await deliver(make(), 'plain', plain('value=1', form)), 415, 'unsupported_media_type');
  });

  test('larger than a body may be is refused before its proof', async () => {
    const app = make({ env: { MOBULA_PUBLIC_URL: base, ...secrets, MOBULA_MAX_INPUT_BYTES: '1024' } });
    expectProblem(await deliver(app, 'plain', plain(`{"value":"${'x'.repeat(1_024)}"}`)), 413, 'body_too_large');
  });

  test('may be deeper and odder than what we store, as long as the hook takes nothing of it', async () => {
    const odd = `{"ref":"a","deep":${'['.repeat(500)}${']'.repeat(500)},"nul":"\\u0000","half":"\\ud800","huge":1e999}`;
    expect((await deliver(make(), 'github', await fromGithub(newer, odd))).status).toBe(201);
    expectProblem(await deliver(make(), 'shop-live', fromStandardWebhooks(shop, odd)), 422, 'invalid_request');
  });
});

describe('the same delivery again', () => {
  test('twenty times at once makes one execution, and all are answered by it', async () => {
    const app = make();
    for (const [hook, sent] of [
      ['github', await fromGithub(newer, push)],
      ['shop-live', fromStandardWebhooks(shop, '{}')],
      ['queue', await fromQstash('sig_the-current-key-of-the-tests-0', '{}', { url: `${base}/hooks/queue` })],
      ['plain', plain('{"value":1}', { 'idempotency-key': 'once' })],
    ] as const) {
      const before = await count();
      const answers = await Promise.all(Array.from({ length: 20 }, () => deliver(app, hook, sent)));
      expect(answers.map(({ status }) => status).toSorted()).toEqual([...Array(19).fill(200), 201]);
      expect(new Set(answers.map(({ body }) => body.task.id)).size).toBe(1);
      expect(await count()).toBe(before + 1);
    }
  });

  test('with a new signature, a new time and another body is still the same one', async () => {
    const app = make();
    const first = await deliver(app, 'shop-live', fromStandardWebhooks(shop, '{"a":1}', { id: 'msg_1' }));
    await app.call('POST', '/run', {});
    const later = { id: 'msg_1', at: new Date(Date.now() + 60_000) };
    const again = await deliver(app, 'shop-live', fromStandardWebhooks(newerShop, '{"a":2}', later));
    expect([again.status, again.body.task]).toMatchObject([200, { id: first.body.task.id, state: 'SUCCEEDED' }]);
    expect(again.text).not.toContain('result');
  });

  test('after its execution was purged is acknowledged, and nothing is stored', async () => {
    const app = make();
    const sent = await fromGithub(newer, push);
    await deliver(app, 'github', sent);
    await app.call('POST', '/run', {});
    await app.call('POST', '/purge', { days: 0 });
    const again = await deliver(app, 'github', sent);
    expect([again.status, again.body, await count()]).toEqual([200, { ignored: true }, 0]);
  });

  test('is told from a delivery of another hook, and from a caller’s own key', async () => {
    const app = make();
    await deliver(app, 'shop-live', fromStandardWebhooks(shop, '{}', { id: 'same' }));
    const others = [
      await deliver(app, 'plain', plain('{"value":1}', { 'idempotency-key': 'same' })),
      ...(await Promise.all(
        ['same', 'hook:shop-live:same', 'hook-shop-live-same'].map((key) =>
          app.call('POST', '/tasks', { task: 'note', input: { value: 1 } }, { headers: { 'idempotency-key': key } }),
        ),
      )),
    ];
    expect(others.map(({ status }) => status)).toEqual([201, 201, 201, 201]);
    const taken = await app.call(
      'POST',
      '/tasks',
      { task: 'note', input: { value: 1 } },
      { headers: { 'idempotency-key': 'hook shop-live same' } },
    );
    expectProblem(taken, 422, 'invalid_request', 'Idempotency-Key');
  });

  test('cannot be told where the sender names it by nothing', async () => {
    const app = make();
    await deliver(app, 'plain', plain('{"value":1}'));
    await deliver(app, 'plain', plain('{"value":1}'));
    expect(await count()).toBe(2);
  });
});

describe('where work may go on after the answer', () => {
  test('a delivery is run at once, without a cron', async () => {
    const after: Promise<unknown>[] = [];
    const app = make({ afterAnswer: (work) => void after.push(work) });
    const { body } = await deliver(app, 'github', await fromGithub(newer, push));
    expect(body.task.state).toBe('QUEUED');
    await Promise.all(after);
    expect(after).toHaveLength(1);
    expect(await look(app, body.task.id)).toMatchObject({ state: 'SUCCEEDED' });
  });

  test('one that was taken before starts nothing', async () => {
    const after: Promise<unknown>[] = [];
    const app = make({ afterAnswer: (work) => void after.push(work) });
    const sent = await fromGithub(newer, push);
    await deliver(app, 'github', sent);
    await deliver(app, 'github', sent);
    await Promise.all(after);
    expect(after).toHaveLength(1);
  });

  test('a start that fails is told to the log, and the delivery stands', async () => {
    const after: Promise<unknown>[] = [];
    const app = make({
      afterAnswer: (work) => {
        after.push(work);
      },
    });
    await fresh.sql('alter table mobula.invocations rename to hidden');
    try {
      expect((await deliver(app, 'github', await fromGithub(newer, push))).status).toBe(201);
      await Promise.all(after);
    } finally {
      await fresh.sql('alter table mobula.hidden rename to invocations');
    }
    expect(app.lines).toMatchObject([{ event: 'start_failed', members: { queue: 'default' } }]);
  });
});

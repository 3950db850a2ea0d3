import { createHash, randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { TestEngine } from '../support/engine.ts';
import { enqueue, expectProblem, look, useFresh } from '../support/fresh.ts';
import { failed, succeeded, useDriver } from './driven.ts';
import { tasks } from './tasks.ts';

const fresh = useFresh(tasks);
const { ray, submit, filesystem } = useDriver();
const make = (env = {}) => fresh.make({ ray: ray(), env: { MOBULA_DEFAULT_CONCURRENCY: '1000', ...env } });

interface Item {
  readonly id: string;
  readonly attempt: number;
  readonly capability: string;
}

/** Attempts that were submitted, as a gateway knows them. */
async function submitMany(app: TestEngine, count: number, input: unknown = {}): Promise<Item[]> {
  const items: Item[] = [];
  for (let n = 0; n < count; n += 1) {
    const { id, capability } = await submit(app, input);
    items.push({ id, attempt: 1, capability });
  }
  return items;
}

const begin = async (
  app: TestEngine,
  items: readonly Item[],
  nonces: readonly string[] = items.map(() => randomUUID()),
) => {
  const attempts = items.map((item, index) => ({ ...item, nonce: nonces[index] }));
  return app.call('POST', '/attempts/begin', { attempts }, { token: items[0]?.capability ?? '' });
};

async function begunMany(app: TestEngine, count: number): Promise<Item[]> {
  const items = await submitMany(app, count);
  const { body } = await begin(app, items);
  return items.map((item, index) => ({ ...item, capability: body.attempts[index].capability }));
}

const say = (app: TestEngine, verb: 'beat' | 'complete', items: readonly Item[], words: readonly object[]) =>
  app.call(
    'POST',
    `/attempts/${verb}`,
    { attempts: items.map((item, index) => ({ ...item, ...words[index] })) },
    { token: items[0]?.capability ?? '' },
  );

describe('begin of many', () => {
  test('answers each what it needs, in the order asked', async () => {
    const app = make();
    const items = await submitMany(app, 3);
    const { status, body } = await begin(app, items.toReversed());
    expect(status).toBe(200);
    expect(body.attempts).toMatchObject(
      items
        .toReversed()
        .map(({ id }) => ({ status: 200, id, attempt: 1, callable: 'm:f', input: {}, silence_seconds: 300 })),
    );
  });

  test('lets nobody in by the proof of another: each is told by its own', async () => {
    const app = make();
    const [one, two, three, four] = (await submitMany(app, 4)) as [Item, Item, Item, Item];
    await app.call('POST', `/executions/${three.id}/cancel`);
    const before = await fresh.fingerprint();
    const refused = await begin(
      app,
      [one, { ...two, capability: one.capability }, three, { ...four, attempt: 2 }].slice(1),
    );
    expect(refused.body.attempts.map(({ status }: { status: number }) => status)).toEqual([403, 409, 403]);
    expect(await fresh.fingerprint()).toBe(before);
    const { body } = await begin(app, [
      one,
      { ...two, capability: 'none' },
      three,
      { ...four, id: 'no-id', capability: 'x' },
    ]);
    expect(body.attempts.map(({ status }: { status: number }) => status)).toEqual([200, 403, 409, 403]);
  });

  test('opens each gate once, however many ask at once', async () => {
    const app = make();
    const items = await submitMany(app, 40);
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, n) => begin(app, n % 2 ? items : items.toReversed())),
    );
    expect(answers.map(({ status }) => status)).toEqual(Array(8).fill(200));
    const begun = answers.flatMap(({ body }) => body.attempts).filter(({ status }) => status === 200);
    expect(begun.map(({ id }) => id).toSorted()).toEqual(items.map(({ id }) => id).toSorted());
  });

  test('answers the same driver again', async () => {
    const app = make();
    const items = await submitMany(app, 2);
    const nonces = items.map(() => randomUUID());
    const [first, again] = [await begin(app, items, nonces), await begin(app, items, nonces)];
    expect([again.status, again.text]).toEqual([200, first.text]);
  });

  test('hands out no more input than an answer should carry, and begins the rest another time', async () => {
    const app = make();
    const text = 'x'.repeat(900_000);
    const items = await submitMany(app, 5, { text });
    const statuses = async (asked: readonly Item[]) =>
      (await begin(app, asked)).body.attempts.map(({ status }: { status: number }) => status);
    expect(await statuses(items)).toEqual([200, 200, 200, 503, 503]);
    expect(await statuses(items.slice(3))).toEqual([200, 200]);
  });

  test('takes no execution twice, none without proof, and no more than five hundred', async () => {
    const app = make();
    const [item] = (await submitMany(app, 1)) as [Item];
    expectProblem(await begin(app, [item, item]), 422, 'invalid_request', 'attempts.1.id');
    expectProblem(await app.call('POST', '/attempts/begin', {}, { token: null }), 401, 'unauthenticated');
    expectProblem(await app.call('POST', '/attempts/begin', {}, { token: 'admin' }), 403, 'forbidden');
    expectProblem(await begin(app, Array(501).fill(item)), 422, 'invalid_request', 'attempts');
  });
});

describe('beat of many', () => {
  test('notes each, with progress as it was written, and asks those to end that are being cancelled', async () => {
    const app = make();
    const items = await begunMany(app, 4);
    const [one, two, , over] = items as [Item, Item, Item, Item];
    await fresh.sql(`update mobula.executions set beat_at = now() - interval '1 hour'`);
    await app.call('POST', `/executions/${two.id}/cancel`);
    await say(app, 'complete', [over], [succeeded]);
    const { body } = await say(app, 'beat', items, [{ progress: [1.0, 2] }, {}, { progress: 'p'.repeat(4_095) }, {}]);
    expect(body.attempts).toMatchObject([
      { status: 200, cancel: false },
      { status: 200, cancel: true },
      { status: 422 },
      { status: 409 },
    ]);
    expect((await look(app, one.id)).progress).toEqual([1, 2]);
    const [{ fresh: beaten } = { fresh: 0 }] = await fresh.sql<{ fresh: number }>(
      `select count(*)::int as fresh from mobula.executions where beat_at > now() - interval '1 minute'`,
    );
    expect(beaten).toBe(2);
  });
});

describe('complete of many', () => {
  test('takes values as they were written, failures and cancels, and answers each', async () => {
    const app = make();
    const items = await begunMany(app, 3);
    const words = [
      '"outcome":"succeeded","result": {"z":1,"a":[9007199254740993, -0.0]}',
      `"outcome":"failed","error":${JSON.stringify(failed.error)}`,
      '"outcome":"cancelled"',
    ];
    const body = `{"attempts":[${items.map((item, index) => `${JSON.stringify(item).slice(0, -1)},${words[index]}}`).join(',')}]}`;
    const answer = await app.call('POST', '/attempts/complete', body, {
      token: items[0]?.capability ?? '',
      headers: { 'content-type': 'application/json' },
    });
    expect(answer.body.attempts).toEqual([
      { status: 200, state: 'SUCCEEDED' },
      { status: 200, state: 'FAILED' },
      { status: 200, state: 'CANCELLED' },
    ]);
    const [valued, retried] = items as [Item, Item];
    expect((await app.call('GET', `/status/${valued.id}`)).text).toContain(
      '"result":{"z":1,"a":[9007199254740993,-0.0]},',
    );
    expect(await look(app, retried.id)).toMatchObject({ state: 'QUEUED', error: { type: 'ValueError' } });
  });

  test('is answered twice the same and recorded once', async () => {
    const app = make();
    const items = await begunMany(app, 3);
    const words = [succeeded, failed, { outcome: 'released' }];
    const first = await say(app, 'complete', items, words);
    const before = await fresh.fingerprint();
    const again = await say(app, 'complete', items, words);
    expect(first.body.attempts.map(({ state }: { state: string }) => state)).toEqual([
      'SUCCEEDED',
      'FAILED',
      'RELEASED',
    ]);
    expect(again.text).toBe(first.text);
    expect(await fresh.fingerprint()).toBe(before);
  });

  test('hands back what was not started: due at once, and no attempt the poorer', async () => {
    const app = make();
    const items = await begunMany(app, 1);
    await say(app, 'complete', items, [{ outcome: 'released' }]);
    const task = await look(app, items[0]?.id ?? '');
    expect(task).toMatchObject({ state: 'QUEUED', attempt: 1, max_attempts: 4, error: null });
    expect(task.attempts).toMatchObject([{ state: 'RELEASED' }]);
    expect((await app.call('POST', '/run', {})).body.submitted).toBe(1);
  });

  test('lets no bad one spoil the others, and no stale one change a byte', async () => {
    const app = make();
    const items = await begunMany(app, 5);
    const [, stale, foreign] = items as [Item, Item, Item];
    await fresh.sql(`update mobula.executions set nonce = $2 where id = $1`, [stale.id, randomUUID()]);
    const asked = items.map((item) => (item === foreign ? { ...item, capability: stale.capability } : item));
    const words = [succeeded, succeeded, succeeded, { outcome: 'succeeded' }, succeeded];
    const { body } = await say(app, 'complete', asked, words);
    expect(body.attempts).toMatchObject([
      { status: 200 },
      { status: 409 },
      { status: 403 },
      { status: 422 },
      { status: 200 },
    ]);
    expect(await Promise.all(items.map(async ({ id }) => (await look(app, id)).state))).toEqual([
      'SUCCEEDED',
      'RUNNING',
      'RUNNING',
      'RUNNING',
      'SUCCEEDED',
    ]);
  });

  test('takes one by reference among others, each as it would alone', async () => {
    const app = make(filesystem());
    const items = await begunMany(app, 3);
    const value = `"${'x'.repeat(1_100_000)}"`;
    const digest = { sha256: createHash('sha256').update(value).digest('hex'), bytes: value.length };
    const { body } = await say(app, 'complete', items, [
      { outcome: 'succeeded', digest_only: { ...digest, reason: 'away' } },
      { outcome: 'succeeded', stored: digest },
      succeeded,
    ]);
    expect(body.attempts).toMatchObject([
      { status: 200, state: 'SUCCEEDED' },
      { status: 422 },
      { status: 200, state: 'SUCCEEDED' },
    ]);
    expect((await look(app, items[0]?.id ?? '')).result_state).toBe('digest_only');
  });

  test('frees the slots on the cluster', async () => {
    const app = make({ MOBULA_DEFAULT_CONCURRENCY: '2' });
    const items = await begunMany(app, 2);
    await enqueue(app, 'on_ray', {});
    expect((await app.call('POST', '/run', {})).body.submitted).toBe(0);
    await say(app, 'complete', items, [succeeded, succeeded]);
    expect((await app.call('POST', '/run', {})).body.submitted).toBe(1);
  });
});

import { describe, expect, test } from 'vitest';
import { createClient, MobulaClientError } from '../../src/client/client.ts';
import { bearerTokens } from '../support/engine.ts';
import { meddler, problem, useServed } from './served.ts';

const { fresh, start } = useServed();

const countExecutions = async () =>
  (await fresh.sql<{ n: number }>('select count(*)::int as n from mobula.executions'))[0]?.n;

describe('enqueue', () => {
  test('gives a handle with which a page can follow the execution and nothing else', async () => {
    const { client, url } = await start();
    const handle = await client({ token: bearerTokens.enqueue }).enqueue('add', { a: 1, b: 2 });
    expect(handle).toEqual({
      id: expect.any(String),
      statusToken: expect.any(String),
      execution: expect.objectContaining({ id: handle.id, task: 'add', state: 'QUEUED', queueName: 'default' }),
    });
    const page = createClient({ baseUrl: `${url}/` });
    const { id, statusToken } = handle;
    expect(await page.status({ id, statusToken })).toMatchObject({ state: 'QUEUED', pollAfterMs: expect.any(Number) });
    expect((await client({ token: bearerTokens.enqueue }).status(handle)).id).toBe(id);
    await expect(page.status(id)).rejects.toMatchObject({ code: 'unauthenticated', status: 401 });
    await expect(page.enqueue('add', { a: 1, b: 2 })).rejects.toMatchObject({ code: 'unauthenticated' });
  });

  test('says all that an enqueue can say', async () => {
    const { client } = await start();
    const { execution } = await client().enqueue(
      'add',
      { a: 1, b: 2 },
      {
        queueName: 'default',
        priority: 7,
        runAfter: new Date('2040-01-01T00:00:00Z'),
        maxAttempts: 9,
        metadata: { camelCase: { isKept: true } },
        uniqueKey: 'one',
      },
    );
    expect(execution).toMatchObject({
      priority: 7,
      runAfter: '2040-01-01T00:00:00.000Z',
      maxAttempts: 9,
      metadata: { camelCase: { isKept: true } },
      pollAfterMs: 60_000,
    });
  });

  test('whose answer is lost is made again, and makes no second execution', async () => {
    const { client } = await start();
    const { fetch, ledger } = meddler(async (call, send) => {
      const answer = await send();
      if (call < 3) throw new TypeError('The line is dead.');
      return answer;
    });
    const { id, statusToken } = await client({ fetch }).enqueue('add', { a: 1, b: 2 });
    expect(ledger).toHaveLength(3);
    expect(await countExecutions()).toBe(1);
    expect((await client({ token: undefined }).status({ id, statusToken })).id).toBe(id);
  });

  test('with a key of its own is one execution however often it is called; without one each call is another', async () => {
    const { client } = await start();
    const mobula = client();
    const same = await Promise.all(
      Array.from({ length: 5 }, () => mobula.enqueue('add', { a: 1, b: 2 }, { idempotencyKey: 'order-17' })),
    );
    expect(new Set(same.map(({ id }) => id)).size).toBe(1);
    await mobula.enqueue('add', { a: 1, b: 2 });
    await mobula.enqueue('add', { a: 1, b: 2 });
    expect(await countExecutions()).toBe(3);
  });
});

describe('what goes wrong', () => {
  test('is an error that names the code and the field to blame', async () => {
    const { client } = await start();
    const wrong = client().enqueue('add', { a: 1, b: 'two' } as never);
    await expect(wrong).rejects.toBeInstanceOf(MobulaClientError);
    await expect(wrong).rejects.toMatchObject({ code: 'invalid_request', status: 422, field: 'input.b' });
    await expect(client().enqueue('nothing' as never, {} as never)).rejects.toMatchObject({
      code: 'unknown_task',
      field: 'task',
      message: 'There is no task of this name.',
    });
  });

  test('and will not pass is not tried again; what may pass is, five times', async () => {
    const { client } = await start();
    const refused = meddler(() => problem(403, 'forbidden'));
    await expect(client({ fetch: refused.fetch }).status('any')).rejects.toMatchObject({ code: 'forbidden' });
    expect(refused.ledger).toHaveLength(1);
    const away = meddler(() => problem(503, 'database_unavailable', { 'retry-after': '0' }));
    await expect(client({ fetch: away.fetch }).status('any')).rejects.toMatchObject({
      code: 'database_unavailable',
      retryAfterSeconds: 0,
    });
    expect(away.ledger).toHaveLength(5);
  });

  test('before anything was sent, as with an input that is no JSON, is told as it is', async () => {
    const { client } = await start();
    const { fetch, ledger } = meddler((_, send) => send());
    await expect(client({ fetch }).enqueue('add', { a: 1n, b: 2 } as never)).rejects.toThrow(/BigInt/);
    expect(ledger).toEqual([]);
  });

  test('comes back as late as the server says, and no sooner', async () => {
    const { client } = await start();
    const { id } = await client().enqueue('add', { a: 1, b: 2 });
    const times: number[] = [];
    const { fetch } = meddler((call, send) => {
      times.push(performance.now());
      return call === 1 ? problem(503, 'database_unavailable', { 'retry-after': '1' }) : send();
    });
    await client({ fetch }).status(id);
    expect(times[1]! - times[0]!).toBeGreaterThanOrEqual(1_000);
  });

  test('because nobody is there says so, with the cause', async () => {
    const nobody = createClient({ baseUrl: 'http://127.0.0.1:9', fetch: () => Promise.reject(new TypeError('No.')) });
    const signal = AbortSignal.timeout(200);
    await expect(nobody.status('any', { signal })).rejects.toMatchObject({ name: 'TimeoutError' });
    const { fetch } = meddler(() => new Response('<html>', { headers: { 'content-type': 'text/html' } }));
    const elsewhere = createClient({ baseUrl: 'http://127.0.0.1:9', fetch });
    await expect(elsewhere.status('any')).rejects.toMatchObject({ code: 'unexpected_answer', status: 200 });
  });
});

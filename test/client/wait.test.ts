import { describe, expect, test } from 'vitest';
import { createClient, type Execution } from '../../src/client/client.ts';
import { meddler, problem, useServed } from './served.ts';

const { start } = useServed();

describe('wait', () => {
  test('tells every change, holds the server rather than asking it, and ends with the final state', async () => {
    const { client, run } = await start();
    const { fetch, ledger } = meddler((_, send) => send());
    const handle = await client().enqueue('climb', { steps: 2, everyMs: 700 });
    const seen: Execution<number>[] = [];
    const running = run();
    const final = await client({ fetch, token: undefined }).wait(handle, { onChange: (one) => seen.push(one) });
    await running;
    expect(final).toMatchObject({ state: 'SUCCEEDED', result: 2, pollAfterMs: null });
    expect(seen.at(-1)).toBe(final);
    expect(seen.map(({ progress }) => progress)).toContain(1);
    const versions = seen.map(({ version }) => version);
    expect(versions).toEqual([...new Set(versions)].toSorted((a, b) => a - b));
    expect(ledger.length).toBeLessThanOrEqual(seen.length + 1);
    expect(ledger.slice(1).every(({ url, headers }) => url.endsWith('?wait=20') && headers.has('if-none-match'))).toBe(
      true,
    );
  });

  test('ends well where the execution does not, and shows its error', async () => {
    const { client, run } = await start({ env: { MOBULA_MAX_TASK_ATTEMPTS: '1' } });
    const handle = await client().enqueue('fail', {});
    await run();
    const final = await client().wait(handle);
    expect(final).toMatchObject({ state: 'FAILED', status: 'FAILED', error: { type: 'RangeError' } });
  });

  test('works where the ETag cannot be seen, as behind a proxy that keeps it to itself', async () => {
    const { client, run } = await start();
    const { fetch } = meddler(async (_, send) => {
      const { status, headers, body } = await send();
      const shown = Object.fromEntries([...headers].filter(([name]) => name !== 'etag'));
      return new Response(body, { status, headers: shown });
    });
    const handle = await client().enqueue('climb', { steps: 1, everyMs: 400 });
    const [final] = await Promise.all([client({ fetch }).wait(handle), run()]);
    expect(final.result).toBe(1);
  });

  test('asks from time to time where it may not hold the server', async () => {
    const { client, run } = await start();
    const { fetch, ledger } = meddler((_, send) => send());
    const handle = await client().enqueue('climb', { steps: 1, everyMs: 900 });
    const startedMs = performance.now();
    const [final] = await Promise.all([client({ fetch }).wait(handle, { holdSeconds: 0 }), run()]);
    expect(final.state).toBe('SUCCEEDED');
    expect(ledger.every(({ url }) => !url.includes('wait='))).toBe(true);
    expect(ledger.length).toBeLessThanOrEqual(1 + (performance.now() - startedMs) / 500);
  });

  test('leaves alone what is not due for longer than a call may be held', async () => {
    const { client } = await start();
    const { fetch, ledger } = meddler((_, send) => send());
    const handle = await client().enqueue('add', { a: 1, b: 2 }, { delaySeconds: 30 });
    const signal = AbortSignal.timeout(1_500);
    await expect(client({ fetch }).wait(handle, { signal })).rejects.toMatchObject({ name: 'TimeoutError' });
    expect(ledger).toHaveLength(1);
  });

  test('does not hurry a server that holds nothing', async () => {
    const { client } = await start({ callSeconds: 0 });
    const { fetch, ledger } = meddler((_, send) => send());
    const handle = await client().enqueue('add', { a: 1, b: 2 });
    await expect(client({ fetch }).wait(handle, { signal: AbortSignal.timeout(2_000) })).rejects.toThrow();
    expect(ledger.length).toBeGreaterThan(1);
    expect(ledger.length).toBeLessThanOrEqual(5);
  });
});

describe('a server that has something to say', () => {
  /** Answers of a server of this test's own, one for each look. */
  const told = (versions: readonly number[]) =>
    meddler((call) => {
      const version = versions[call - 1] ?? versions.at(-1);
      const isLast = call >= versions.length;
      return Response.json({ task: { id: 'any', version, poll_after_ms: isLast ? null : 10 } });
    });

  test('at every moment is heard a few times a second, and no more', async () => {
    const { fetch, ledger } = told([1, 2, 3, 4, 5]);
    const startedMs = performance.now();
    await createClient({ baseUrl: 'http://127.0.0.1:9', fetch }).wait('any');
    expect(ledger).toHaveLength(5);
    expect(performance.now() - startedMs).toBeGreaterThan(900);
  });

  test('twice is told of once', async () => {
    const seen: number[] = [];
    const { fetch } = told([1, 1, 2, 2, 3]);
    const onChange = ({ version }: Execution) => void seen.push(version);
    await createClient({ baseUrl: 'http://127.0.0.1:9', fetch }).wait('any', { onChange });
    expect(seen).toEqual([1, 2, 3]);
  });
});

describe('the end of patience', () => {
  test('comes at once with the reason of the signal, also while the server holds the call', async () => {
    const { client } = await start();
    const handle = await client().enqueue('add', { a: 1, b: 2 });
    const gone = new AbortController();
    const startedMs = performance.now();
    setTimeout(() => gone.abort(new Error('The page is closed.')), 600);
    await expect(client().wait(handle, { signal: gone.signal })).rejects.toThrow('The page is closed.');
    expect(performance.now() - startedMs).toBeLessThan(5_000);
    await expect(client().wait(handle, { signal: gone.signal })).rejects.toThrow('The page is closed.');
  });

  test('does not come with an outage, be it longer than any other call would bear', async () => {
    const { client, run } = await start();
    const handle = await client().enqueue('add', { a: 1, b: 2 });
    const { fetch, ledger } = meddler(async (call, send) => {
      if (call > 1 && call <= 10) return problem(503, 'database_unavailable', { 'retry-after': '0' });
      if (call === 11) await run();
      return send();
    });
    expect(await client({ fetch }).wait(handle)).toMatchObject({ state: 'SUCCEEDED', result: 3 });
    expect(ledger).toHaveLength(11);
  });

  test('comes with the first look where the client is set up wrongly', async () => {
    const { client } = await start();
    const { fetch, ledger } = meddler(() => problem(502, 'bad_gateway', { 'retry-after': '0' }));
    await expect(client({ fetch }).wait('any')).rejects.toMatchObject({ status: 502 });
    expect(ledger).toHaveLength(5);
    await expect(client().wait('no-such-id')).rejects.toMatchObject({ code: 'execution_not_found' });
  });

  test('comes with a refusal, as of a status token that has ended', async () => {
    const { client } = await start();
    const handle = await client().enqueue('add', { a: 1, b: 2 });
    const { fetch, ledger } = meddler((call, send) => (call === 1 ? send() : problem(401, 'unauthenticated')));
    await expect(client({ fetch }).wait(handle)).rejects.toMatchObject({ code: 'unauthenticated', status: 401 });
    expect(ledger).toHaveLength(2);
  });
});

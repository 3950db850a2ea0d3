import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { FakeS3 } from '../support/fake-s3.ts';
import { meddler, useServed } from './served.ts';

const { start } = useServed();

describe('result', () => {
  test('is the value, and as text every digit of it', async () => {
    const { client, run } = await start();
    const handle = await client().enqueue('greet', { at: '2026-11-21T10:00:00Z' });
    await run();
    expect(await client().result(handle)).toEqual({ greeting: 'Hello you!', year: 2026 });
    const exact = '[9007199254740993,1.10]';
    const { fetch } = meddler(() => new Response(exact, { headers: { 'content-type': 'application/json' } }));
    expect(await client({ fetch }).resultText(handle)).toBe(exact);
  });

  test('of what is unfinished, or failed, is an error that tells which', async () => {
    const { client, run } = await start({ env: { MOBULA_MAX_TASK_ATTEMPTS: '1' } });
    const handle = await client().enqueue('fail', {});
    await expect(client().result(handle)).rejects.toMatchObject({ code: 'not_finished', status: 409 });
    await run();
    await expect(client().result(handle)).rejects.toMatchObject({ code: 'execution_failed', status: 409 });
  });

  test('of which only the digest was kept is an error that has the digest', async () => {
    const { client, run } = await start();
    const handle = await client().enqueue('fill', { bytes: 2_000_000 });
    await run();
    await expect(client().result(handle)).rejects.toMatchObject({
      code: 'digest_only',
      status: 410,
      problem: { sha256: expect.stringMatching(/^[0-9a-f]{64}$/), bytes: 2_000_000 },
    });
  });
});

describe('a result in a bucket', () => {
  let bucket: FakeS3;
  beforeEach(async () => {
    bucket = await new FakeS3().start();
    // AWS's own SDK looks for its keys in the process.
    for (const [name, value] of Object.entries(bucket.settings)) vi.stubEnv(name, value);
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    await bucket.close();
  });

  const storing = () => start({ env: bucket.settings });

  test('comes from the bucket itself where it is large, and the bucket sees no token of ours', async () => {
    const { client, run } = await storing();
    const bytes = 9 * 1_048_576;
    const handle = await client().enqueue('fill', { bytes });
    await run();
    expect(await client().wait(handle)).toMatchObject({
      state: 'SUCCEEDED',
      resultState: 'stored',
      resultBytes: bytes,
    });
    bucket.ledger.length = 0;
    expect((await client().result(handle)).length).toBe(bytes - 2);
    expect(bucket.ledger.map(({ method, url }) => [method, url.searchParams.has('X-Amz-Signature')])).toContainEqual([
      'GET',
      true,
    ]);
    const direct = bucket.ledger.filter(({ url }) => url.searchParams.has('X-Amz-Signature'));
    expect(direct.map(({ headers }) => headers['authorization'])).toEqual([undefined]);
  });

  test('that is gone from there is an error that is told once', async () => {
    const { client, run } = await storing();
    const handle = await client().enqueue('fill', { bytes: 2_000_000 });
    await run();
    bucket.objects.clear();
    const { fetch, ledger } = meddler((_, send) => send());
    await expect(client({ fetch }).result(handle)).rejects.toMatchObject({ code: 'result_unavailable', status: 503 });
    expect(ledger).toHaveLength(1);
  });
});

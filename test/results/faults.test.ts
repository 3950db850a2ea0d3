import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Digest, ResultStore } from '../../src/core/result-store.ts';
import type { Trouble } from '../support/fake-bucket/trouble.ts';
import { adapters, gcs, s3 } from './adapters.ts';
import { drain, freshValue, streamOf } from './conformance.ts';

beforeAll(() => Promise.all([s3.start(), gcs.start()]));
afterAll(() => Promise.all([s3.close(), gcs.close()]));

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

/** Fake secrets all say so. */
const canary = /canary|PRIVATE KEY|X-Amz-|X-Goog-/;

/** All that a log line of an error shows. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  return `${error.message}\n${error.stack}\n${wordsOf(error.cause)}`;
}

const unavailable = { code: 'store_unavailable', message: expect.stringMatching(/^The (S3|GCS) bucket results .+\.$/) };

describe.each(adapters)('in trouble, $name', ({ fake, uploadMethod, make }) => {
  let store: ResultStore;
  beforeEach(() => {
    fake.reset();
    store = make();
  });

  /** Each call of the port that goes to the store. */
  const calls: Record<string, (value: { digest: Digest; bytes: Uint8Array }) => Promise<unknown>> = {
    put: ({ digest, bytes }) => store.put(digest, bytes),
    putStream: ({ digest, bytes }) => store.putStream(digest, streamOf(bytes)),
    read: ({ digest }) => store.read(store.reference(digest), 1_000_000),
    open: ({ digest }) => store.open(store.reference(digest)),
    has: ({ digest }) => store.has(digest),
    remove: ({ digest }) => store.remove(store.reference(digest)),
    check: () => store.check(),
  };
  /** What the fetch and the SDK hold meanwhile is fresh. */
  const warmUp = async () => {
    await store.has(freshValue().digest);
    fake.ledger.length = 0;
  };

  const words = {
    '503': /answered HTTP 503/,
    hang: /could not be used: no answer came within 1 s/,
    drop: /could not be reached \([A-Z_]+\)/,
    // One of the SDKs goes where it is sent, without the token, and finds nobody there; a stream by fetch may not go.
    redirect: /answered HTTP 307|could not be reached/,
    html: /answered HTTP 502/,
  } satisfies Partial<Record<Trouble, RegExp>>;

  for (const trouble of Object.keys(words) as (keyof typeof words)[]) {
    test(`tells of ${trouble} in every call, in time, after one try and without a secret`, async () => {
      await warmUp();
      if (trouble === 'hang') store = make({ timeoutMs: 1_000 });
      if (trouble === 'hang') await warmUp();
      fake.cause(trouble, { times: Infinity });
      const tries = Object.entries(calls).map(async ([name, call]) => {
        const startedAt = performance.now();
        const error = await call(freshValue(1_000)).catch((thrown) => thrown);
        expect(error, name).toMatchObject(unavailable);
        expect(error, name).toHaveProperty('message', expect.stringMatching(words[trouble]));
        expect(wordsOf(error), name).not.toMatch(canary);
        expect(performance.now() - startedAt, name).toBeLessThan(8_000);
      });
      await Promise.all(tries);
      // One each; a broken connection in the middle of a put is looked after once more.
      expect(fake.ledger.length).toBeLessThanOrEqual(Object.keys(calls).length + 3);
    });
  }

  test('tells of a refusal, which is a problem of the configuration', async () => {
    await warmUp();
    fake.cause('403', { times: Infinity });
    for (const name of ['put', 'putStream', 'read', 'open', 'has', 'remove']) {
      const error = await calls[name]?.(freshValue()).catch((thrown) => thrown);
      expect(error, name).toMatchObject(unavailable);
      expect(wordsOf(error), name).toMatch(/403/);
      expect(wordsOf(error), name).not.toMatch(canary);
    }
    const problems = await store.check();
    expect(problems).toEqual([expect.stringMatching(/^MOBULA_RESULT_STORAGE_(S3|GCS)_BUCKET: we may not write/)]);
    expect(problems.join()).not.toMatch(canary);
  });

  test('does not believe a store that has lost what it says it keeps', async () => {
    await warmUp();
    const value = freshValue(1_000);
    fake.cause('lost', { method: uploadMethod, times: 2 });
    await expect(store.put(value.digest, value.bytes)).rejects.toMatchObject(unavailable);
    await expect(store.putStream(value.digest, streamOf(value.bytes))).rejects.toMatchObject(unavailable);
    expect(await store.has(value.digest)).toBe(false);
  });

  test('looks after a value whose upload was cut off when it had arrived', async () => {
    await warmUp();
    const value = freshValue(1_000);
    fake.cause('takenThenDrop', { method: uploadMethod });
    await store.put(value.digest, value.bytes);
    expect(await store.has(value.digest)).toBe(true);
  });

  test('is not confused by a store that breaks off an upload of what it has', async () => {
    const value = freshValue(4_000_000);
    await store.put(value.digest, value.bytes);
    fake.isHasty = true;
    await store.put(value.digest, value.bytes);
    expect(await store.putStream(value.digest, streamOf(value.bytes))).toBe(true);
    expect(await store.putStream(value.digest, streamOf(value.bytes.slice(1)))).toBe(false);
  });

  test.each([
    ['truncated', 'fails'],
    ['short', 'mismatch'],
    ['wrongByte', 'mismatch'],
    ['drip', 'fails'],
    ['endless', 'mismatch'],
  ] satisfies [Trouble, string][])('never gives out what came %s', async (trouble, outcome) => {
    const value = freshValue(200_000);
    await store.put(value.digest, value.bytes);
    const reference = store.reference(value.digest);
    if (trouble === 'drip') store = make({ timeoutMs: 600 });
    await warmUp();
    fake.cause(trouble, { method: 'GET', times: 2 });

    const read = store.read(reference, 1_000_000);
    if (outcome === 'mismatch') expect(await read).toMatchObject({ kind: 'mismatch' });
    else await expect(read).rejects.toMatchObject(unavailable);

    const opened = await store.open(reference);
    if (opened.kind !== 'found') return expect(opened.kind).toBe('mismatch');
    const { bytes, failed } = await drain(opened.stream);
    expect(failed).toBe(true);
    expect(bytes.byteLength).toBeLessThan(value.digest.bytes);
  });

  test('takes an upload from its source no faster than the store does, and gives one up that stands still', async () => {
    store = make({ timeoutMs: 1_000 });
    await warmUp();
    fake.isDeaf = true;
    let pulledBytes = 0;
    const endless = new ReadableStream<Uint8Array>({
      pull(controller) {
        pulledBytes += 65_536;
        controller.enqueue(new Uint8Array(65_536));
      },
    });
    const upload = store.putStream({ sha256: 'ab'.repeat(32), bytes: 1_000_000_000 }, endless);
    await expect.poll(() => fake.ledger.some(({ method }) => method === uploadMethod)).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(pulledBytes).toBeLessThan(16_000_000);
    await expect(upload).rejects.toMatchObject({ ...unavailable, message: expect.stringContaining('within 1 s') });
  });

  test('holds no more of an upload than is under way', async () => {
    const sent: WeakRef<Uint8Array>[] = [];
    const { bytes, digest } = freshValue(32_000_000);
    let held = Number.NaN;
    const pieces = async function* () {
      for (let at = 0; at < bytes.byteLength; at += 65_536) {
        const piece = bytes.slice(at, at + 65_536);
        sent.push(new WeakRef(piece));
        yield piece;
      }
      await new Promise((resolve) => setTimeout(resolve, 100));
      collectGarbage();
      held = sent.filter((piece) => piece.deref()).length;
    };
    expect(await store.putStream(digest, ReadableStream.from(pieces()))).toBe(true);
    expect(held).toBeLessThan(sent.length / 4);
  });

  test.each([true, false])('gives up on a sender that falls silent (value there already: %s)', async (isThere) => {
    store = make({ timeoutMs: 500 });
    await warmUp();
    const value = freshValue(100_000);
    if (isThere) await store.put(value.digest, value.bytes);
    const silent = new ReadableStream<Uint8Array>({
      start: (controller) => controller.enqueue(value.bytes.slice(0, 100)),
    });
    await expect(store.putStream(value.digest, silent)).rejects.toMatchObject(unavailable);
    expect(await store.has(value.digest)).toBe(isThere);
  });

  test('reads a value no faster than it is taken', async () => {
    const value = freshValue(30_000_000);
    await store.put(value.digest, value.bytes);
    fake.sentBytes = 0;
    const opened = await store.open(store.reference(value.digest));
    if (opened.kind !== 'found') throw new Error(opened.kind);
    const reader = opened.stream.getReader();
    await reader.read();
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(fake.sentBytes).toBeLessThan(16_000_000);
    await reader.cancel();
  });
});

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ResultStore, SignedUpload } from '../../src/core/result-store.ts';
import { adapters, gcs, s3 } from './adapters.ts';
import { freshValue, upload } from './conformance.ts';

beforeAll(() => Promise.all([s3.start(), gcs.start()]));
afterAll(() => Promise.all([s3.close(), gcs.close()]));

const root = join(import.meta.dirname, '../..');

/** Sends a value as the Python driver does, by the driver's own code. */
async function uploadByDriver({ url, headers }: SignedUpload, bytes: Uint8Array): Promise<number> {
  const script =
    'import json, sys\nfrom mobula_driver.wire import put\nurl, headers = json.loads(sys.argv[1])\n' +
    'print(put(url, headers, sys.argv[2].encode()).status)';
  const args = ['-c', script, JSON.stringify([url, headers]), Buffer.from(bytes).toString()];
  const { stdout } = await promisify(execFile)('python3', args, {
    env: { ...process.env, PYTHONPATH: join(root, 'infra/ray') },
  });
  return Number(stdout);
}

describe.each(adapters)('a URL signed for $name', ({ name, fake, make }) => {
  let store: ResultStore;
  beforeEach(() => {
    fake.reset();
    store = make();
  });

  async function signed(value: ReturnType<typeof freshValue>): Promise<SignedUpload & { url: string }> {
    const answer = await store.signUpload(value.digest);
    if (answer?.url == null) throw new TypeError('It signs none.');
    return { ...answer, url: answer.url };
  }

  test('is used by the Python driver as it stands, and once', async () => {
    const value = freshValue(1_000);
    const asked = await signed(value);
    expect(await uploadByDriver(asked, value.bytes)).toBe(200);
    expect(await store.read(store.reference(value.digest), 10_000)).toMatchObject({ kind: 'found' });
    expect(await uploadByDriver(asked, value.bytes)).toBe(412);
  });

  test('needs each of its headers', async () => {
    const value = freshValue(1_000);
    const { headers, ...asked } = await signed(value);
    for (const dropped of Object.keys(headers).filter((header) => header !== 'content-length')) {
      const rest = Object.fromEntries(Object.entries(headers).filter(([header]) => header !== dropped));
      expect(await upload({ ...asked, headers: rest }, value.bytes), dropped).toBe(403);
    }
    expect(fake.objects.size).toBe(0);
  });

  test('is good for no other length', async () => {
    const value = freshValue(1_000);
    const { headers, ...asked } = await signed(value);
    const { 'content-length': _, ...others } = headers;
    for (const bytes of [value.bytes.slice(1), Buffer.concat([value.bytes, Buffer.from(' ')])]) {
      expect(await upload({ ...asked, headers: others }, bytes)).toBeGreaterThanOrEqual(400);
    }
    expect(fake.objects.size).toBe(0);
  });

  test('is good for no other bytes, or they are known when they are read', async () => {
    const value = freshValue(1_000);
    const status = await upload(await signed(value), Buffer.from(value.bytes).fill('?', 5, 6));
    const kind = name.startsWith('s3') ? 'absent' : 'mismatch';
    expect(status).toBe(name.startsWith('s3') ? 400 : 200);
    expect(await store.read(store.reference(value.digest), 10_000)).toMatchObject({ kind });
  });

  test('is good for no other object', async () => {
    const [value, other] = [freshValue(1_000), freshValue(1_000)];
    const asked = await signed(value);
    const url = asked.url.replaceAll(value.digest.sha256, other.digest.sha256);
    expect(await upload({ ...asked, url }, value.bytes)).toBe(403);
    const download = (await store.signDownload(store.reference(value.digest))) ?? '';
    expect((await fetch(download.replaceAll(value.digest.sha256, other.digest.sha256))).status).toBe(403);
    expect((await fetch(download, { method: 'DELETE' })).status).toBe(403);
  });

  test('shows no secret, and gives the value out for five minutes at most', async () => {
    const value = freshValue();
    const urls = [(await signed(value)).url, (await store.signDownload(store.reference(value.digest))) ?? ''];
    const seconds = urls.map((url) => Number(/X-(?:Amz|Goog)-Expires=(\d+)/.exec(url)?.[1]));
    expect(seconds[0]).toBeLessThanOrEqual(3_600);
    expect(seconds[1]).toBeLessThanOrEqual(300);
    expect(urls.join()).not.toMatch(/canary-s3-secret|PRIVATE/);
  });
});

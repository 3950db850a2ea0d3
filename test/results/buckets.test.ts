import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { adapters, benchOn, gcs, keyOf, s3 } from './adapters.ts';
import { describeStore, freshValue } from './conformance.ts';

beforeAll(() => Promise.all([s3.start(), gcs.start()]));
afterAll(() => Promise.all([s3.close(), gcs.close()]));

for (const adapter of adapters) describeStore(adapter.name, () => benchOn(adapter));

test.each(adapters)('what a bucket knows to have another digest is not the value, by $name', async ({ fake, make }) => {
  const store = make();
  const { digest, bytes } = freshValue(1_000);
  await store.put(digest, bytes);
  expect(await store.has(digest)).toBe(true);
  const others = Buffer.from(bytes).fill('?', 5, 6);
  const sha256 = createHash('sha256').update(others);
  const about = { sha256: sha256.copy().digest('hex'), 'x-amz-checksum-sha256': sha256.digest('base64') };
  fake.objects.set(keyOf(store.reference(digest)), { bytes: others, about });
  expect(await store.has(digest)).toBe(false);
  await expect(store.put(digest, bytes)).rejects.toThrow('has something else in the place of this value');
});

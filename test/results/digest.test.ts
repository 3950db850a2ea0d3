import { describe, expect, test } from 'vitest';
import { digestStore } from '../../src/results/digest.ts';
import { freshValue, streamOf } from './conformance.ts';

describe('the digest store', () => {
  const store = digestStore();
  const { digest, bytes } = freshValue();

  test('says that it keeps no values', () => {
    expect(store.keepsValues).toBe(false);
  });

  test('has the references of contract §6', () => {
    expect(store.reference(digest)).toBe(`oversize://sha256/${digest.sha256}?bytes=${digest.bytes}`);
  });

  test('takes nothing and gives nothing', async () => {
    await store.put(digest, bytes);
    expect(await store.putStream(digest, streamOf(bytes))).toBe(false);
    expect(await store.has(digest)).toBe(false);
    expect(await store.read(store.reference(digest), bytes.byteLength)).toMatchObject({ kind: 'absent' });
    expect(await store.open(store.reference(digest))).toMatchObject({ kind: 'absent' });
    expect(await store.remove(store.reference(digest))).toBe(false);
    expect(await store.signUpload(digest)).toBeNull();
    expect(await store.signDownload(store.reference(digest))).toBeNull();
    expect(await store.check()).toEqual([]);
  });
});

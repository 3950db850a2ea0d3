import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Digest, ResultStore } from '../../src/core/result-store.ts';
import { filesystemStore } from '../../src/results/filesystem.ts';
import { describeStore, freshValue, streamOf } from './conformance.ts';

const pathIn = (root: string, { sha256 }: Digest): string =>
  join(root, sha256.slice(0, 2), sha256.slice(2, 4), `${sha256}.json`);

describeStore('filesystem', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mobula-store-'));
  const root = join(folder, 'results');
  return {
    store: filesystemStore({ root }),
    neighbour: filesystemStore({ root: join(folder, 'others') }),
    async tamper(digest, bytes) {
      await mkdir(dirname(pathIn(root, digest)), { recursive: true });
      await writeFile(pathIn(root, digest), bytes);
    },
    close: async () => rmSync(folder, { recursive: true }),
  };
});

describe('a folder of results', () => {
  let folder: string;
  let root: string;
  let store: ResultStore;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'mobula-store-'));
    root = join(folder, 'results');
    store = filesystemStore({ root });
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  test('has the references of contract §6', () => {
    const sha256 = `abcd${'0'.repeat(60)}`;
    const expected = `resultfs://sha256/${sha256}?rel=ab/cd/${sha256}.json&bytes=7`;
    expect(store.reference({ sha256, bytes: 7 })).toBe(expected);
  });

  test('is followed through no link that was planted in the place of a value', async () => {
    const { digest, bytes } = freshValue();
    const elsewhere = join(folder, 'elsewhere.json');
    writeFileSync(elsewhere, bytes);
    mkdirSync(dirname(pathIn(root, digest)), { recursive: true });
    symlinkSync(elsewhere, pathIn(root, digest));
    expect(await store.has(digest)).toBe(false);
    expect(await store.open(store.reference(digest))).toMatchObject({ kind: 'absent' });
    await expect(store.put(digest, bytes)).rejects.toMatchObject({ code: 'store_unavailable' });
    expect(await store.remove(store.reference(digest))).toBe(true);
    expect(readdirSync(folder)).toContain('elsewhere.json');
  });

  test('is followed through no link that was planted in the place of a folder', async () => {
    const { digest, bytes } = freshValue();
    const elsewhere = filesystemStore({ root: join(folder, 'elsewhere') });
    await elsewhere.put(digest, bytes);
    mkdirSync(root);
    symlinkSync(join(folder, 'elsewhere', digest.sha256.slice(0, 2)), join(root, digest.sha256.slice(0, 2)));
    expect(await store.has(digest)).toBe(false);
    expect(await store.open(store.reference(digest))).toMatchObject({ kind: 'absent' });
    await expect(store.put(digest, bytes)).rejects.toMatchObject({ code: 'store_unavailable' });
    await store.remove(store.reference(digest));
    expect(await elsewhere.has(digest)).toBe(true);
  });

  test('may itself be behind a link', async () => {
    const { digest, bytes } = freshValue();
    mkdirSync(root);
    symlinkSync(root, join(folder, 'alias'));
    const alias = filesystemStore({ root: join(folder, 'alias') });
    await alias.put(digest, bytes);
    expect(await store.has(digest)).toBe(true);
  });

  test('keeps no drafts, whatever becomes of an upload', async () => {
    const { digest, bytes } = freshValue(100_000);
    await store.putStream(digest, streamOf(bytes.slice(1)));
    await store.putStream(digest, streamOf(bytes));
    await store.put(digest, bytes);
    expect(readdirSync(dirname(pathIn(root, digest)))).toEqual([`${digest.sha256}.json`]);
  });

  test('is named by its setting where it cannot be written to, also where nobody can make a folder', async () => {
    writeFileSync(join(folder, 'file'), '');
    for (const place of [join(folder, 'file'), '/proc/mobula']) {
      expect(await filesystemStore({ root: place }).check()).toEqual([
        expect.stringMatching(new RegExp(`^MOBULA_RESULT_STORAGE_FILESYSTEM_PATH: ${place} cannot be written`)),
      ]);
    }
  });
});

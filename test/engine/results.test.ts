import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { task } from 'mobula';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import * as z from 'zod';
import { enqueue, look, useFresh } from '../support/fresh.ts';

const fresh = useFresh([
  task({ name: 'large', input: z.object({ bytes: z.int() }), run: ({ bytes }) => 'ö'.repeat(bytes / 2 - 1) }),
]);

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mobula-engine-results-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const filesystem = (root = folder) => ({
  env: {
    MOBULA_MAX_RESULT_SIZE_BYTES: '2048',
    MOBULA_RESULT_STORAGE_BACKEND: 'filesystem',
    MOBULA_RESULT_STORAGE_FILESYSTEM_PATH: root,
  },
});
const digest = { env: { MOBULA_MAX_RESULT_SIZE_BYTES: '2048' } };

/** Runs one whose value has this many bytes as JSON. */
async function produce(app: ReturnType<typeof fresh.make>, bytes: number) {
  const { id } = await enqueue(app, 'large', { bytes });
  await app.call('POST', '/run', {});
  return look(app, id);
}

const shaOf = (bytes: number) =>
  createHash('sha256')
    .update(JSON.stringify('ö'.repeat(bytes / 2 - 1)))
    .digest('hex');

describe('the threshold', () => {
  test.each([
    [2_046, 'inline'],
    [2_048, 'inline'],
    [2_050, 'stored'],
  ])('is of bytes of JSON, not of characters: %i is %s', async (bytes, state) => {
    const task = await produce(fresh.make(filesystem()), bytes);
    expect(task).toMatchObject({ result_state: state, result_bytes: bytes, result_sha256: shaOf(bytes) });
    expect('result' in task).toBe(state === 'inline');
  });
});

describe('a stored value', () => {
  test('is a file of its very bytes, named by their digest, and registered', async () => {
    await produce(fresh.make(filesystem()), 5_000);
    const sha = shaOf(5_000);
    const file = join(folder, sha.slice(0, 2), sha.slice(2, 4), `${sha}.json`);
    expect(
      createHash('sha256')
        .update(await readFile(file))
        .digest('hex'),
    ).toBe(sha);
    expect(await fresh.sql('select sha256, bytes::int from mobula.result_objects')).toEqual([
      { sha256: sha, bytes: 5_000 },
    ]);
  });

  test('is there once, however many executions have it', async () => {
    const app = fresh.make(filesystem());
    const [one, two] = [await produce(app, 5_000), await produce(app, 5_000)];
    expect(two.result_reference).toBe(one.result_reference);
    const files = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.json'));
    expect(files).toHaveLength(1);
  });
});

describe('a value that finds no home costs itself and not its task', () => {
  test('without a store', async () => {
    const app = fresh.make(digest);
    const task = await produce(app, 5_000);
    expect(task).toMatchObject({ state: 'SUCCEEDED', result_state: 'digest_only', result_bytes: 5_000, error: null });
    expect(task.result_reference).toBe(`oversize://sha256/${shaOf(5_000)}?bytes=5000`);
    expect(app.lines).toContainEqual(expect.objectContaining({ level: 'warn', event: 'result_digest_only' }));
  });

  test('where the store fails after all its tries', async () => {
    const notAFolder = join(folder, 'file');
    await writeFile(notAFolder, '');
    const app = fresh.make(filesystem(notAFolder));
    const task = await produce(app, 5_000);
    expect(task).toMatchObject({ state: 'SUCCEEDED', result_state: 'digest_only', result_sha256: shaOf(5_000) });
    const [row] = await fresh.sql<{ reason: string }>('select result_reason as reason from mobula.attempts');
    expect(row?.reason).toMatch(/\w/);
  });
});

import { randomUUID } from 'node:crypto';
import { constants, type FileHandle, link, mkdir, open, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { MobulaError } from '../core/errors.ts';
import type { Digest, ReadAnswer, ResultStore } from '../core/result-store.ts';
import { sha256Hex } from '../core/sha256.ts';

const referencePattern =
  /^resultfs:\/\/sha256\/([0-9a-f]{64})\?rel=([0-9a-f]{2}\/[0-9a-f]{2}\/[0-9a-f]{64}\.json)&bytes=(\d{1,15})$/;

/**
 * Keeps values as files under one folder, named by their digest. Writes are create-only: a temporary file is linked into
 * place, so that a reader sees a whole value or none. It follows no symbolic link in the last step of a path, and reads
 * only names that it would have made itself. It is naive about folders shared over a network that cannot hard-link.
 */
export function filesystemStore({ root }: { root: string }): ResultStore {
  const pathOf = (sha256: string): string => join(root, relative(sha256));

  async function put(digest: Digest, bytes: Uint8Array): Promise<void> {
    if (await has(digest)) return;
    const path = pathOf(digest.sha256);
    const draft = join(dirname(path), `.${randomUUID()}`);
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const file = await open(draft, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
    try {
      await file.writeFile(bytes);
      await file.sync();
      await file.close();
      await link(draft, path).catch((error) => ignore(error, 'EEXIST'));
    } finally {
      await rm(draft, { force: true });
    }
  }

  async function has({ sha256, bytes }: Digest): Promise<boolean> {
    const found = await stat(pathOf(sha256)).catch((error) => ignore(error, 'ENOENT'));
    return found?.isFile() === true && found.size === bytes;
  }

  async function read(reference: string): Promise<ReadAnswer> {
    const parsed = parse(reference);
    if (!parsed) return { kind: 'foreign', message: 'The reference is not of this store.' };
    const file = await openRegular(pathOf(parsed.sha256));
    if (!file) return { kind: 'absent', message: 'The value is not in the store.' };
    try {
      if ((await file.stat()).size !== parsed.bytes)
        return { kind: 'mismatch', message: 'The value has another length.' };
      const bytes = await file.readFile();
      return (await sha256Hex(bytes)) === parsed.sha256
        ? { kind: 'found', bytes }
        : { kind: 'mismatch', message: 'The value has another digest.' };
    } finally {
      await file.close();
    }
  }

  async function remove(reference: string): Promise<boolean> {
    const parsed = parse(reference);
    if (!parsed) return false;
    await rm(pathOf(parsed.sha256), { force: true });
    return true;
  }

  return {
    name: 'filesystem',
    keepsValues: true,
    reference: ({ sha256, bytes }) => `resultfs://sha256/${sha256}?rel=${relative(sha256)}&bytes=${bytes}`,
    put: (digest, bytes) => guarded(() => put(digest, bytes)),
    read: (reference) => guarded(() => read(reference)),
    has: (digest) => guarded(() => has(digest)),
    remove: (reference) => guarded(() => remove(reference)),
    signUpload: () => Promise.resolve({ method: 'PUT', url: null, headers: {} }),
  };
}

const relative = (sha256: string): string => `${sha256.slice(0, 2)}/${sha256.slice(2, 4)}/${sha256}.json`;

function parse(reference: string): Digest | null {
  const [, sha256, rel, bytes] = referencePattern.exec(reference) ?? [];
  return sha256 && rel === relative(sha256) ? { sha256, bytes: Number(bytes) } : null;
}

/** Null where there is nothing, or something else than a plain file (a planted link above all). */
async function openRegular(path: string): Promise<FileHandle | null> {
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW).catch((error) =>
    ignore(error, 'ENOENT', 'ELOOP', 'ENOTDIR'),
  );
  if (!file || (await file.stat()).isFile()) return file;
  await file.close();
  return null;
}

function ignore(error: unknown, ...codes: string[]): null {
  if (error instanceof Error && 'code' in error && codes.includes(String(error.code))) return null;
  throw error;
}

async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new MobulaError('store_unavailable', 'The result store cannot be used now.', { cause: error });
  }
}

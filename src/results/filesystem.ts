import { randomUUID } from 'node:crypto';
import { constants, type FileHandle, link, lstat, mkdir, open, realpath, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { MobulaError } from '../core/errors.ts';
import type { Digest, NoValue, OpenAnswer, ReadAnswer, ResultStore } from '../core/result-store.ts';
import { nodePieces } from './node-pieces.ts';
import { makeProbe } from './probe.ts';
import { collect, type Pieces, readOut, verified, WrongBytes } from './verified.ts';

/**
 * Keeps values as files under one folder, named by their digest. Writes are create-only: a temporary file is linked into
 * place, so that a reader sees a whole value or none. It reads and removes only names that it would have made itself, and
 * follows no symbolic link below the folder. It is naive about folders shared over a network that cannot hard-link.
 */
export function filesystemStore({ root }: { root: string }): ResultStore {
  const store: Omit<ResultStore, 'check'> = {
    name: 'filesystem',
    keepsValues: true,
    reference,
    put: (digest, bytes) => guarded(() => create(root, digest, bytes)),
    putStream: (digest, stream) => guarded(() => createVerified(root, digest, stream)),
    read: (text, bytesMax) => guarded(() => read(root, text, bytesMax)),
    open: (text) => guarded(() => openStream(root, text)),
    has: (digest) => guarded(() => has(root, digest)),
    remove: (text) => guarded(() => remove(root, text)),
    signUpload: () => Promise.resolve({ method: 'PUT', url: null, headers: {} }),
    signDownload: () => Promise.resolve(null),
  };
  return { ...store, check: () => check(root, store) };
}

const relative = (sha256: string): string => `${sha256.slice(0, 2)}/${sha256.slice(2, 4)}/${sha256}.json`;

const reference = ({ sha256, bytes }: Digest): string =>
  `resultfs://sha256/${sha256}?rel=${relative(sha256)}&bytes=${bytes}`;

/** A reference is ours if we would make it again from what it says. */
function parse(text: string): Digest | null {
  const [, sha256, bytes] = /^resultfs:\/\/sha256\/([0-9a-f]{64})\?rel=.+&bytes=(\d{1,15})$/.exec(text) ?? [];
  const digest = sha256 ? { sha256, bytes: Number(bytes) } : null;
  return digest && reference(digest) === text ? digest : null;
}

/** Where a value is or would be; null if its folder is missing, or somewhere else than it seems (a planted link). */
async function locate(root: string, { sha256 }: Digest): Promise<string | null> {
  const path = join(root, relative(sha256));
  const [here, there] = await Promise.all([root, dirname(path)].map(resolved));
  return here && there === join(here, dirname(relative(sha256))) ? path : null;
}

const resolved = (path: string): Promise<string | null> =>
  realpath(path).catch((error) => ignore(error, 'ENOENT', 'ENOTDIR', 'ELOOP'));

async function has(root: string, digest: Digest): Promise<boolean> {
  const path = await locate(root, digest);
  const found = path === null ? null : await lstat(path).catch((error) => ignore(error, 'ENOENT'));
  return found?.isFile() === true && found.size === digest.bytes;
}

/**
 * Makes a folder and those above it. Node's own `recursive` never returns where a folder is there and takes no entries
 * with ENOENT, as `/proc` does.
 */
async function makeFolder(path: string): Promise<void> {
  const make = () => mkdir(path, { mode: 0o700 }).catch((error) => ignore(error, 'EEXIST'));
  try {
    await make();
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error;
    await makeFolder(dirname(path));
    await make();
  }
}

async function create(root: string, digest: Digest, body: Uint8Array | ReadableStream<Uint8Array>): Promise<void> {
  if (await has(root, digest)) return;
  await makeFolder(dirname(join(root, relative(digest.sha256))));
  const path = await locate(root, digest);
  if (!path) throw new Error('A folder of the result store is a link to somewhere else.');
  const draft = join(dirname(path), `.${randomUUID()}`);
  try {
    await writeDurably(draft, body);
    await link(draft, path).catch((error) => ignore(error, 'EEXIST'));
  } finally {
    await rm(draft, { force: true });
  }
  if (!(await has(root, digest))) throw new Error('Something else is in the place of this value.');
}

async function writeDurably(path: string, body: Uint8Array | ReadableStream<Uint8Array>): Promise<void> {
  const file = await open(path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600);
  try {
    await writeFile(file, body);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function createVerified(root: string, digest: Digest, stream: ReadableStream<Uint8Array>): Promise<boolean> {
  const body = verified(stream.getReader(), digest);
  try {
    // Whoever sends what is there already is heard to the end and judged all the same.
    if (await has(root, digest)) await readOut(body);
    else await create(root, digest, body);
    return true;
  } catch (error) {
    if (error instanceof WrongBytes) return false;
    throw error;
  }
}

/** A file of the length that its reference says, unread. */
type Found = { readonly kind: 'found'; readonly digest: Digest; readonly pieces: Pieces };

async function find(root: string, text: string): Promise<Found | NoValue> {
  const digest = parse(text);
  if (!digest) return { kind: 'foreign', message: 'The reference is not of this store.' };
  const path = await locate(root, digest);
  const file = path === null ? null : await openRegular(path);
  if (!file) return { kind: 'absent', message: 'The value is not in the store.' };
  const { size } = await file.stat();
  if (size === digest.bytes) return { kind: 'found', digest, pieces: nodePieces(file.createReadStream()) };
  await file.close();
  return mismatch;
}

async function openStream(root: string, text: string): Promise<OpenAnswer> {
  const found = await find(root, text);
  if (found.kind !== 'found') return found;
  const { digest, pieces } = found;
  return { kind: 'found', bytes: digest.bytes, stream: verified(pieces, digest) };
}

async function read(root: string, text: string, bytesMax: number): Promise<ReadAnswer> {
  const digest = parse(text);
  if (digest && digest.bytes > bytesMax) {
    return { kind: 'too_large', message: `The value has ${digest.bytes} bytes, more than ${bytesMax}.` };
  }
  const found = await find(root, text);
  if (found.kind !== 'found') return found;
  try {
    return { kind: 'found', bytes: await collect(found.pieces, found.digest) };
  } catch (error) {
    if (error instanceof WrongBytes) return mismatch;
    throw error;
  }
}

const mismatch: NoValue = { kind: 'mismatch', message: 'The stored value has another length or digest.' };

async function remove(root: string, text: string): Promise<boolean> {
  const digest = parse(text);
  const path = digest && (await locate(root, digest));
  if (path) await rm(path, { force: true });
  return digest !== null;
}

/** Null where there is nothing, or something else than a plain file: a planted link, or a pipe that nobody writes to. */
async function openRegular(path: string): Promise<FileHandle | null> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const file = await open(path, flags).catch((error) => ignore(error, 'ENOENT', 'ELOOP', 'ENXIO'));
  if (!file || (await file.stat()).isFile()) return file;
  await file.close();
  return null;
}

async function check(root: string, store: Pick<ResultStore, 'put' | 'remove'>): Promise<string[]> {
  const { digest, bytes } = await makeProbe();
  try {
    await store.put(digest, bytes);
    await store.remove(reference(digest));
    return [];
  } catch (error) {
    const cause = error instanceof MobulaError ? error.detail.cause : error;
    const why = cause instanceof Error && 'code' in cause ? ` (${cause.code})` : '';
    return [`MOBULA_RESULT_STORAGE_FILESYSTEM_PATH: ${root} cannot be written to${why}`];
  }
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

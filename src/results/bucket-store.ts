import type { MobulaError } from '../core/errors.ts';
import { limits } from '../core/limits.ts';
import type { Digest, NoValue, OpenAnswer, ReadAnswer, ResultStore } from '../core/result-store.ts';
import { type BucketNames, type BucketPlace, bucketNames } from './bucket-names.ts';
import { bucketUnavailable, findProblems } from './bucket-problems.ts';
import { BucketFault, type BucketWire } from './bucket-wire.ts';
import { TimeUp, watch, within } from './patience.ts';
import { collect, type Pieces, readOut, verified, WrongBytes } from './verified.ts';

export interface BucketOptions {
  readonly bucket: string;
  /** What every key begins with, without slashes around it. */
  readonly prefix: string;
  /** For one call; a transfer gets more by its length. Ten seconds unless said. */
  readonly timeoutMs?: number | undefined;
}

/** A wire, the names of what is behind it, and its bounds in time. */
interface Desk extends BucketNames {
  readonly place: BucketPlace;
  readonly wire: BucketWire;
  readonly timeoutMs: number;
}

/**
 * A result store in a bucket, whoever speaks to it. What the four adapters have in common is here: names, verification,
 * bounds in time, and the words of their failures.
 */
export function bucketStore(
  name: BucketPlace['name'],
  { bucket, prefix, timeoutMs = limits.storeCallSeconds * 1_000 }: BucketOptions,
  wire: BucketWire,
): ResultStore {
  const place = { name, bucket, prefix };
  const desk: Desk = { place, wire, timeoutMs, ...bucketNames(place) };
  const store: Omit<ResultStore, 'check'> = {
    name,
    keepsValues: true,
    reference: desk.reference,
    put: (digest, bytes) => create(desk, digest, bytes),
    putStream: (digest, stream) => createVerified(desk, digest, stream),
    read: (reference, bytesMax) => read(desk, reference, bytesMax),
    open: (reference) => open(desk, reference),
    has: (digest) => has(desk, digest),
    async remove(reference) {
      const digest = desk.parse(reference);
      if (digest) await attempt(desk, timeoutMs, (signal) => wire.remove(desk.keyOf(digest), signal));
      return digest !== null;
    },
    signUpload: (digest) => attempt(desk, timeoutMs, () => wire.signPut(desk.keyOf(digest), digest)),
    async signDownload(reference) {
      const digest = desk.parse(reference);
      return digest && attempt(desk, timeoutMs, () => wire.signGet(desk.keyOf(digest)));
    },
  };
  return { ...store, check: () => findProblems(place, store) };
}

async function attempt<T>(
  { place }: Desk,
  ms: number,
  call: (signal: AbortSignal) => Promise<T>,
  stop?: AbortSignal,
): Promise<T> {
  try {
    return await within(ms, call, stop);
  } catch (error) {
    throw bucketUnavailable(place, error);
  }
}

const transferMs = ({ timeoutMs }: Desk, bytes: number): number =>
  timeoutMs + (bytes / limits.storeBytesPerSecondMin) * 1_000;

async function has(desk: Desk, digest: Digest): Promise<boolean> {
  const sight = await attempt(desk, desk.timeoutMs, (signal) => desk.wire.look(desk.keyOf(digest), signal));
  return sight?.bytes === digest.bytes && (sight.sha256 === null || sight.sha256 === digest.sha256);
}

/** Believes a store that the value is there only if it shows so: by its answer, or else when it is asked for it. */
async function create(
  desk: Desk,
  digest: Digest,
  body: Uint8Array | ReadableStream<Uint8Array>,
  stop?: AbortSignal,
): Promise<void> {
  const call = (signal: AbortSignal) => desk.wire.create(desk.keyOf(digest), digest, body, signal);
  const made = await attempt(desk, transferMs(desk, digest.bytes), call, stop).catch(async (error) => {
    if (stop?.aborted || !isCutOff(error) || !(await has(desk, digest))) throw error;
    return 'kept' as const;
  });
  if (made === 'kept' || (await has(desk, digest))) return;
  const why =
    made === 'taken' ? 'has something else in the place of this value' : 'has not kept what was written to it';
  throw bucketUnavailable(desk.place, new BucketFault('failed', why));
}

/** A broken connection says nothing: a store that has the object may break one off in the middle of being sent it again. */
const isCutOff = (error: MobulaError): boolean =>
  !(error.detail.cause instanceof BucketFault) && !(error.detail.cause instanceof TimeUp);

async function createVerified(desk: Desk, digest: Digest, stream: ReadableStream<Uint8Array>): Promise<boolean> {
  const stop = new AbortController();
  const onFail = (error: unknown) => stop.abort(error);
  const { start, rest } = watch(desk.timeoutMs, onFail);
  const body = verified(stream.getReader(), digest, { onAsk: start, onGive: start, onFail, stop: stop.signal });
  try {
    // Whoever sends what is there already is heard to the end and judged; a store would not do that for us.
    if (await has(desk, digest)) await readOut(body);
    else await create(desk, digest, body, stop.signal);
    return true;
  } catch (error) {
    if (stop.signal.reason instanceof WrongBytes) return false;
    throw bucketUnavailable(desk.place, error);
  } finally {
    rest();
  }
}

/** An object of the length that its reference says, unread. */
type Found = { readonly kind: 'found'; readonly digest: Digest; readonly pieces: Pieces };

async function find(desk: Desk, reference: string): Promise<Found | NoValue> {
  const digest = desk.parse(reference);
  if (!digest) return { kind: 'foreign', message: 'The reference is not of this store.' };
  const found = await attempt(desk, desk.timeoutMs, (signal) => desk.wire.get(desk.keyOf(digest), signal));
  if (!found) return { kind: 'absent', message: 'The value is not in the store.' };
  const { bytes, pieces } = found;
  if (bytes === null || bytes === digest.bytes) return { kind: 'found', digest, pieces };
  pieces.cancel().catch(() => undefined);
  return mismatch;
}

async function open(desk: Desk, reference: string): Promise<OpenAnswer> {
  const found = await find(desk, reference);
  if (found.kind !== 'found') return found;
  const { pieces, digest } = found;
  const quiet = watchPieces(desk);
  return { kind: 'found', bytes: digest.bytes, stream: verified(pieces, digest, { ...quiet, onFail: quiet.onGive }) };
}

/** The time runs while a piece is waited for, not while whoever reads is slow to ask for it. */
function watchPieces({ timeoutMs }: Desk) {
  const quiet = new AbortController();
  const { start, rest } = watch(timeoutMs, (error) => quiet.abort(error));
  return { onAsk: start, onGive: rest, stop: quiet.signal };
}

async function read(desk: Desk, reference: string, bytesMax: number): Promise<ReadAnswer> {
  const digest = desk.parse(reference);
  if (digest && digest.bytes > bytesMax) {
    return { kind: 'too_large', message: `The value has ${digest.bytes} bytes, more than ${bytesMax}.` };
  }
  const found = await find(desk, reference);
  if (found.kind !== 'found') return found;
  const quiet = watchPieces(desk);
  const call = (end: AbortSignal) =>
    collect(found.pieces, found.digest, { ...quiet, stop: AbortSignal.any([quiet.stop, end]) });
  try {
    return { kind: 'found', bytes: await within(transferMs(desk, found.digest.bytes), call) };
  } catch (error) {
    if (error instanceof WrongBytes) return mismatch;
    throw bucketUnavailable(desk.place, error);
  }
}

const mismatch: NoValue = { kind: 'mismatch', message: 'The stored value has another length or digest.' };

import { createHash } from 'node:crypto';
import type { Digest, ResultStore } from '../../src/core/result-store.ts';
import { median, shuffled } from '../rounds.ts';
import type { Bare, BareSdk } from './bare-sdk.ts';

/** Another way to do the same: its median in milliseconds, and the median of its ratios to ours in each round. */
export interface Rival {
  readonly ms: number;
  readonly ratio: number;
}

/** One thing done by ours, and by the others in the same rounds. */
export interface Outcome {
  readonly what: string;
  readonly ours: number;
  readonly asItComes: Rival;
  readonly unchecked: Rival;
  /** The unchecked call and the one check that ours owes: what is left to gain. */
  readonly floor: Rival;
}

interface Value {
  readonly digest: Digest;
  readonly bytes: Buffer;
}

let made = 0;

/** Other bytes each time: a store takes a value once. */
function stamp(bytes: Buffer): Value {
  made += 1;
  bytes.write(`${process.pid} ${made} `.padEnd(32));
  return { bytes, digest: { sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.byteLength } };
}

/** As a request's body comes. */
function* piecesOf(bytes: Buffer): Generator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += 65_536) yield bytes.subarray(at, at + 65_536);
}

async function drain(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream);
}

async function timed(call: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await call();
  return performance.now() - from;
}

const sumOf = (name: string, bytes: Buffer) => timed(async () => createHash(name).update(bytes).digest());

const bareUpload = (bare: Bare) => (bytes: Buffer) => timed(() => bare.upload('bare', bytes));

/** Each way to be measured: it makes what it needs and answers the time of the call alone. */
function waysOf(store: ResultStore, bare: BareSdk, buffer: Buffer, kept: Value) {
  const reference = store.reference(kept.digest);
  const key = new URL(reference).pathname.slice(1);
  const upload = async (call: (value: Value) => Promise<unknown>) => {
    const value = stamp(buffer);
    const ms = await timed(() => call(value));
    await store.remove(store.reference(value.digest));
    return ms;
  };
  const open = async () => {
    const opened = await store.open(reference);
    if (opened.kind !== 'found') throw new Error(opened.message);
    await drain(opened.stream);
  };
  return {
    put: () => upload(({ digest, bytes }) => store.put(digest, bytes)),
    putStream: () => upload(({ digest, bytes }) => store.putStream(digest, ReadableStream.from(piecesOf(bytes)))),
    barePut: () => bareUpload(bare.asItComes)(stamp(buffer).bytes),
    uncheckedPut: () => bareUpload(bare.unchecked)(stamp(buffer).bytes),
    read: () => timed(() => store.read(reference, Number.MAX_SAFE_INTEGER)),
    bareRead: () => timed(() => bare.asItComes.read(key)),
    uncheckedRead: () => timed(() => bare.unchecked.read(key)),
    open: () => timed(open),
    bareOpen: () => timed(async () => drain(await bare.asItComes.open(key))),
    uncheckedOpen: () => timed(async () => drain(await bare.unchecked.open(key))),
    sha256: () => sumOf('sha256', buffer),
    md5: () => sumOf('md5', buffer),
  };
}

/**
 * The milliseconds of each way by round. Each goes once in a round, in any order: what one leaves behind (garbage, a warm
 * cache) is not always the same one's.
 */
async function race<Way extends string>(ways: Record<Way, () => Promise<number>>, rounds: number) {
  const names = Object.keys(ways) as Way[];
  const times = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Way, number[]>;
  for (const name of names) await ways[name](); // Everything is loaded and warm then.
  for (let round = 0; round < rounds; round += 1) {
    for (const name of shuffled(names)) times[name].push(await ways[name]());
  }
  return times;
}

const beside = (ours: readonly number[], theirs: readonly number[]): Rival => ({
  ms: median(theirs),
  ratio: median(theirs.map((ms, round) => ms / ours[round]!)),
});

const added = (one: readonly number[], other: readonly number[]): number[] =>
  one.map((ms, round) => ms + other[round]!);

/** One size of value through a store and through the SDK alone. */
export async function compare(store: ResultStore, bare: BareSdk, bytes: number, rounds: number): Promise<Outcome[]> {
  const kept = stamp(Buffer.alloc(bytes, 'y'));
  await store.put(kept.digest, kept.bytes);
  const ms = await race(waysOf(store, bare, Buffer.alloc(bytes, 'x'), kept), rounds);
  await store.remove(store.reference(kept.digest));
  const outcome = (what: string, ours: number[], asItComes: number[], unchecked: number[], floor: number[]) => ({
    what,
    ours: median(ours),
    asItComes: beside(ours, asItComes),
    unchecked: beside(ours, unchecked),
    floor: beside(ours, floor),
  });
  // S3 verifies the digest that we know already; GCS has to be told an MD5.
  const put = store.name === 'gcs' ? added(ms.uncheckedPut, ms.md5) : ms.uncheckedPut;
  return [
    outcome('upload', ms.put, ms.barePut, ms.uncheckedPut, put),
    outcome('upload, streamed', ms.putStream, ms.barePut, ms.uncheckedPut, added(ms.uncheckedPut, ms.sha256)),
    outcome('read', ms.read, ms.bareRead, ms.uncheckedRead, added(ms.uncheckedRead, ms.sha256)),
    outcome('read, streamed', ms.open, ms.bareOpen, ms.uncheckedOpen, added(ms.uncheckedOpen, ms.sha256)),
  ];
}

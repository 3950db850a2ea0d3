import { execFile, fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { Storage } from '@google-cloud/storage';
import type { Digest, ResultStore } from '../src/core/result-store.ts';
import { gcsStore } from '../src/results/gcs.ts';
import { s3Store } from '../src/results/s3.ts';

/** Rounds by size in MB: a median needs more of the small ones. */
const plan = [
  { megabytes: 1, rounds: 40 },
  { megabytes: 16, rounds: 12 },
  { megabytes: 128, rounds: 5 },
];
const prefix = 'mobula/results';
const goal = 0.9;

interface Value {
  readonly digest: Digest;
  readonly bytes: Buffer;
}

/** The same done by the official SDK alone, with its defaults. */
interface Bare {
  upload(key: string, bytes: Buffer): Promise<unknown>;
  read(key: string): Promise<AsyncIterable<unknown>>;
}

interface S3Address {
  readonly bucket: string;
  readonly region: string;
  readonly endpoint: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

function bareS3({ bucket: Bucket, region, endpoint, credentials }: S3Address): Bare {
  const client = new S3Client({ region, endpoint, forcePathStyle: true, credentials });
  return {
    upload: (Key, Body) => client.send(new PutObjectCommand({ Bucket, Key, Body })),
    read: async (Key) => (await client.send(new GetObjectCommand({ Bucket, Key }))).Body as AsyncIterable<unknown>,
  };
}

function bareGcs({ bucket, endpoint }: { bucket: string; endpoint: string }): Bare {
  const objects = new Storage({ apiEndpoint: endpoint, useAuthWithCustomEndpoint: false }).bucket(bucket);
  return {
    // The fake says no CRC32C that the SDK could verify.
    upload: (key, bytes) => objects.file(key).save(bytes, { resumable: false, validation: false }),
    read: async (key) => objects.file(key).createReadStream({ validation: false }),
  };
}

let made = 0;

/** Other bytes each time: a store takes a value once. */
function stamp(bytes: Buffer): Value {
  made += 1;
  bytes.write(`${process.pid} ${made} `.padEnd(32));
  return { bytes, digest: { sha256: createHash('sha256').update(bytes).digest('hex'), bytes: bytes.byteLength } };
}

async function drain(stream: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of stream);
}

async function timed(call: () => Promise<unknown>): Promise<number> {
  const from = performance.now();
  await call();
  return performance.now() - from;
}

const median = (list: number[]): number => list.toSorted((a, b) => a - b)[Math.floor(list.length / 2)] ?? Number.NaN;

interface Times {
  readonly upload: number[];
  readonly streamed: number[];
  readonly bareUpload: number[];
  readonly read: number[];
  readonly bareRead: number[];
  /** Of hashing the value, which every verified read has to do. */
  readonly hash: number[];
}

/** One round: all ways once, in an order that turns, so that none is always the first. */
async function race(store: ResultStore, bare: Bare, buffer: Buffer, times: Times, round: number): Promise<void> {
  const bareKey = `bare/${round}`;
  const uploads = [
    async () => {
      const { digest, bytes } = stamp(buffer);
      times.upload.push(await timed(() => store.put(digest, bytes)));
      await store.remove(store.reference(digest));
    },
    async () => {
      const { digest, bytes } = stamp(buffer);
      times.streamed.push(
        await timed(() => store.putStream(digest, new Blob([bytes as Buffer<ArrayBuffer>]).stream())),
      );
      await store.remove(store.reference(digest));
    },
    async () => void times.bareUpload.push(await timed(() => bare.upload(bareKey, stamp(buffer).bytes))),
  ];
  for (let step = 0; step < 3; step += 1) await uploads[(round + step) % 3]?.();

  const { digest, bytes } = stamp(buffer);
  times.hash.push(await timed(async () => createHash('sha256').update(bytes).digest()));
  await store.put(digest, bytes);
  const reads = [
    async () => void times.read.push(await timed(() => readThrough(store, digest))),
    async () => void times.bareRead.push(await timed(async () => drain(await bare.read(bareKey)))),
  ];
  for (let step = 0; step < 2; step += 1) await reads[(round + step) % 2]?.();
  await store.remove(store.reference(digest));
}

async function readThrough(store: ResultStore, digest: Digest): Promise<void> {
  const opened = await store.open(store.reference(digest));
  if (opened.kind !== 'found') throw new Error(opened.message);
  await drain(opened.stream);
}

const asRow = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;

function rowsOf(name: string, megabytes: number, times: Times): string[] {
  const hash = median(times.hash).toFixed(1);
  const line = (what: string, ours: number[], bare: number[]) => {
    const [our, theirs] = [median(ours), median(bare)];
    const ratio = theirs / our;
    const cells = [name, `${megabytes} MB`, what, our.toFixed(1), theirs.toFixed(1), ratio.toFixed(2), hash];
    return asRow([...cells, ratio >= goal ? 'yes' : 'no']);
  };
  return [
    line('upload', times.upload, times.bareUpload),
    line('upload, streamed', times.streamed, times.bareUpload),
    line('read, streamed', times.read, times.bareRead),
  ];
}

async function compare(name: string, store: ResultStore, bare: Bare): Promise<string[]> {
  const rows: string[] = [];
  for (const { megabytes, rounds } of plan) {
    const times: Times = { upload: [], streamed: [], bareUpload: [], read: [], bareRead: [], hash: [] };
    const buffer = Buffer.alloc(megabytes * 1_000_000, 'x');
    const warmUp: Times = { upload: [], streamed: [], bareUpload: [], read: [], bareRead: [], hash: [] };
    await race(store, bare, buffer, warmUp, 0);
    for (let round = 0; round < rounds; round += 1) await race(store, bare, buffer, times, round);
    rows.push(...rowsOf(name, megabytes, times));
    process.stderr.write(`${rows.slice(-3).join('\n')}\n`);
  }
  return rows;
}

async function measureMemory(kind: string, options: object, megabytes: number): Promise<string> {
  const program = join(import.meta.dirname, 'results-memory.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [
    program,
    kind,
    JSON.stringify(options),
    String(megabytes),
  ]);
  const { before, after } = JSON.parse(stdout);
  return asRow([kind, `${megabytes} MB`, before.toFixed(0), after.toFixed(0), (after - before).toFixed(0)]);
}

const versionOf = (name: string): string =>
  JSON.parse(readFileSync(join(import.meta.dirname, '../node_modules', name, 'package.json'), 'utf8')).version;

const buckets = fork(join(import.meta.dirname, 'results-buckets.ts'));
const [{ s3, gcs }] = await once(buckets, 'message');
const speed = [
  ...(await compare('s3', s3Store({ ...s3, prefix }), bareS3(s3))),
  ...(await compare('gcs', gcsStore({ ...gcs, prefix }), bareGcs(gcs))),
];
const memory: string[] = [];
for (const megabytes of [16, 128, 512]) {
  memory.push(await measureMemory('s3', s3, megabytes), await measureMemory('gcs', gcs, megabytes));
}
buckets.disconnect();

const sdks = ['@aws-sdk/client-s3', '@google-cloud/storage'].map((name) => `${name} ${versionOf(name)}`);
const text = `# Results by reference beside the bare SDKs

Written by \`bench/results.ts\` on ${new Date().toISOString().slice(0, 10)}: ${cpus().length} × ${cpus()[0]?.model}, Node ${process.version}, ${sdks.join(', ')}.
Medians in milliseconds against the tests' own S3 and GCS on the same machine, all ways taking turns within each round.
The bare GCS calls run with the SDK's own validation off, since the fake says no CRC32C. The ratio is the bare call's time by ours; the goal is ${goal}.

| store | size | what | ours | bare SDK | ratio | SHA-256 alone | goal met |
| --- | --- | --- | --- | --- | --- | --- | --- |
${speed.join('\n')}

## Memory

Peak resident memory in MB of a process of its own that streams one value to the store and back: before, after, and between.

| store | value | before | after | growth |
| --- | --- | --- | --- | --- |
${memory.join('\n')}
`;
writeFileSync(join(import.meta.dirname, 'results.md'), text);
process.stdout.write(text);

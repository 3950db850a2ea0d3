import { execFile, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ResultStore } from '../../src/core/result-store.ts';
import { gcsStore } from '../../src/results/gcs.ts';
import { s3Store } from '../../src/results/s3.ts';
import { type BareSdk, bareGcs, bareS3 } from './bare-sdk.ts';
import { compare, type Outcome, type Rival } from './race.ts';

/** Rounds by size in MB. */
const plan = [
  { megabytes: 1, rounds: 200 },
  { megabytes: 16, rounds: 80 },
  { megabytes: 128, rounds: 15 },
];
const prefix = 'mobula/results';
const goal = 0.9;

// Google's SDK alone puts a listener too many on its downloads, and Node would say so a hundred times.
Error.stackTraceLimit = 20;
process.removeAllListeners('warning').on('warning', (warning) => {
  if (!warning.stack?.includes('/teeny-request/')) process.stderr.write(`${warning.stack}\n`);
});

const asRow = (cells: readonly (string | number)[]): string => `| ${cells.join(' | ')} |`;

/** No answer of the product streams a value into a bucket: a driver holds a signed address. */
const goalMet = ({ what, asItComes }: Outcome): string => {
  if (what === 'upload, streamed') return '–';
  return asItComes.ratio >= goal ? 'yes' : 'no';
};

function rowOf(store: string, megabytes: number, outcome: Outcome): string {
  const { what, ours, asItComes, unchecked, floor } = outcome;
  const cells = ({ ms, ratio }: Rival) => [ms.toFixed(1), ratio.toFixed(2)];
  const size = `${megabytes} MB`;
  return asRow([
    store,
    size,
    what,
    ours.toFixed(1),
    ...cells(asItComes),
    goalMet(outcome),
    ...cells(unchecked),
    ...cells(floor),
  ]);
}

async function measureSpeed(store: ResultStore, bare: BareSdk): Promise<string[]> {
  const rows: string[] = [];
  for (const { megabytes, rounds } of plan) {
    const outcomes = await compare(store, bare, megabytes * 1_000_000, rounds);
    rows.push(...outcomes.map((outcome) => rowOf(store.name, megabytes, outcome)));
    process.stderr.write(`${rows.slice(-outcomes.length).join('\n')}\n`);
  }
  return rows;
}

async function growthOf(kind: string, options: object, megabytes: number, ...flags: string[]): Promise<number[]> {
  const program = join(import.meta.dirname, 'memory.ts');
  const settings = [kind, JSON.stringify(options), String(megabytes)];
  const { stdout } = await promisify(execFile)(process.execPath, [...flags, program, ...settings]);
  const { before, after } = JSON.parse(stdout);
  return [before, after, after - before];
}

async function measureMemory(kind: string, options: object, megabytes: number): Promise<string> {
  const asItComes = await growthOf(kind, options, megabytes);
  const [, , collected = Number.NaN] = await growthOf(kind, options, megabytes, '--expose-gc');
  return asRow([kind, `${megabytes} MB`, ...[...asItComes, collected].map((size) => size.toFixed(0))]);
}

const versionOf = (name: string): string =>
  JSON.parse(readFileSync(join(import.meta.dirname, '../../node_modules', name, 'package.json'), 'utf8')).version;

const [load = Number.NaN] = loadavg();
const buckets = fork(join(import.meta.dirname, 'buckets.ts'));
const [{ s3, gcs }] = await once(buckets, 'message');
const speed = [
  ...(await measureSpeed(s3Store({ ...s3, prefix }), bareS3(s3))),
  ...(await measureSpeed(gcsStore({ ...gcs, prefix }), bareGcs(gcs))),
];
const memory: string[] = [];
for (const megabytes of [16, 128, 512]) {
  memory.push(await measureMemory('s3', s3, megabytes), await measureMemory('gcs', gcs, megabytes));
}
buckets.disconnect();

const sdks = ['@aws-sdk/client-s3', '@google-cloud/storage'].map((name) => `${name} ${versionOf(name)}`);
const text = `# Results by reference beside the bare SDKs

Written by \`bench/stores/measure.ts\` on ${new Date().toISOString().slice(0, 10)}: ${cpus().length} × ${cpus()[0]?.model}, Node ${process.version}, ${sdks.join(', ')}.
Milliseconds against the tests' own S3 and GCS on the same machine, all ways taking turns, in another order in each round:
medians of ${plan.map(({ rounds }) => rounds).join(', ')} rounds by size; its load was ${load.toFixed(1)} when this began. A ratio is another's time by ours in the same
round, and the median of these, so more than 1 is faster; the goal is ${goal} of the bare SDK.

- **bare SDK**: the official call as it comes, of the same object. It checks too: S3's reads by the object's own SHA-256 and
  its uploads by CRC32, GCS's by a CRC32C in JavaScript.
- **unchecked**: the same with these checks switched off. Ours never does without: what it owes is a SHA-256 of every read
  and of every stream, and for a whole value to GCS, which verifies no SHA-256, an MD5.
- **floor**: the unchecked call and that one sum after another, in one thread: what is left to gain. A network slower
  than this machine's memory hides the sum, since it is reckoned while bytes are on their way.
- A streamed upload asks first whether the value is there: one call more, which shows in a small value. It stands beside the
  SDK's upload of the whole value, since neither SDK has a call for a stream of known digest, and has no goal: a driver
  sends to a bucket by a signed address, and the app what it holds whole.

| store | size | what | ours | bare SDK | ratio | goal met | unchecked | ratio | floor | ratio |
| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |
${speed.join('\n')}

## Memory

Peak resident memory in MB of a process of its own that streams one value to the store and back: before, after, and between.
It does not grow with the value. What is above some 40 MB is Node's collector, which lets pieces that nobody holds lie until
there are about 100 MB of them; the last column is the growth if it is made to collect every 8 MB.

| store | value | before | after | growth | growth, collected |
| --- | --- | --- | --- | --- | --- |
${memory.join('\n')}
`;
writeFileSync(join(import.meta.dirname, '../stores.md'), text);
process.stdout.write(text);

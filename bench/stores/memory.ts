import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { ResultStore } from '../../src/core/result-store.ts';
import { gcsStore } from '../../src/results/gcs.ts';
import { s3Store } from '../../src/results/s3.ts';

// A process that does nothing but pass one value through itself, to a store and back; it answers its peak memory in MB.
// Started with --expose-gc, it collects every 8 MB.

const [kind, settings = '', megabytes = ''] = process.argv.slice(2);
const options = { ...JSON.parse(settings), prefix: 'mobula/results' };
const store: ResultStore = kind === 's3' ? s3Store(options) : gcsStore(options);
const piece = Buffer.alloc(65_536, 'x');

let passed = 0;

function pass(): void {
  passed += 1;
  if (passed % 128 === 0) globalThis.gc?.();
}

function* pieces(): Generator<Uint8Array> {
  for (let sent = 0; sent < Number(megabytes) * 1_000_000; sent += piece.byteLength) {
    pass();
    yield Buffer.from(piece); // Each its own, as they come from a network: what is kept shows.
  }
}

const hash = createHash('sha256');
let bytes = 0;
for (const each of pieces()) {
  hash.update(each);
  bytes += each.byteLength;
}
const digest = { sha256: hash.digest('hex'), bytes };
await store.has(digest); // The SDK is loaded here.
const before = peakMegabytes();
if (!(await store.putStream(digest, ReadableStream.from(pieces())))) throw new Error('The value was refused.');
const opened = await store.open(store.reference(digest));
if (opened.kind !== 'found') throw new Error(opened.message);
for await (const _ of opened.stream) pass();
await store.remove(store.reference(digest));
process.stdout.write(JSON.stringify({ before, after: peakMegabytes() }));

/** As Linux has it for this program alone: `maxRSS` begins at what its parent had when it started us. */
function peakMegabytes(): number {
  const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8')) ?? [];
  return Number(kilobytes) / 1_024;
}

import { afterAll, describe } from 'vitest';
import { ensureStores, type Stores, startStores } from '../../infra/local/stores.ts';
import type { Digest, ResultStore } from '../../src/core/result-store.ts';
import { gcsStore } from '../../src/results/gcs.ts';
import { gcsFetchStore } from '../../src/results/gcs-fetch.ts';
import { s3Store } from '../../src/results/s3.ts';
import { s3FetchStore } from '../../src/results/s3-fetch.ts';
import { openRealGcs, openRealS3 } from '../support/real-buckets.ts';
import { describeStore, type Naivety, type StoreBench } from './conformance.ts';

// Servers that others wrote: moto and gcp-storage-emulator from PyPI, and whatever these two name besides. See
// test/support/real-buckets.ts for what the addresses are made of.
const { MOBULA_TEST_S3_URL, MOBULA_TEST_GCS_URL } = process.env;

const missing = await ensureStores((line) => process.stderr.write(`${line}\n`));
const local = missing === null ? await startStores() : null;
afterAll(() => local?.stop());

if (local) describeServers('from PyPI', addressesOf(local));
else describe.skip(`S3 and GCS from PyPI (${missing?.missing})`, () => describeServers('from PyPI', {}));
describeServers('named by the environment', { s3: MOBULA_TEST_S3_URL, gcs: MOBULA_TEST_GCS_URL });

function addressesOf({ s3Url, gcsUrl }: Stores) {
  // gcp-storage-emulator is for round trips: it knows no generations and does not notice an end that never came.
  const naive = { overwrites: true, keepsHalves: true };
  return { s3: `${s3Url.replace('://', '://test:test@')}/results`, gcs: `${gcsUrl}/results`, naive };
}

interface Addresses {
  readonly s3?: string | undefined;
  readonly gcs?: string | undefined;
  /** Of the GCS. */
  readonly naive?: Naivety;
}

function describeServers(which: string, { s3, gcs, naive = {} }: Addresses): void {
  for (const [how, make] of Object.entries({ 'by its SDK': s3Store, 'by fetch': s3FetchStore })) {
    if (s3 !== undefined) describeStore(`s3 ${which} ${how}`, async () => benchOf(make, await openRealS3(s3)));
  }
  for (const [how, make] of Object.entries({ 'by its SDK': gcsStore, 'by fetch': gcsFetchStore })) {
    if (gcs !== undefined)
      describeStore(`gcs ${which} ${how}`, async () => benchOf(make, await openRealGcs(gcs)), naive);
  }
}

interface Server<Options> {
  readonly options: Options;
  overwrite(key: string, bytes: Uint8Array): Promise<void>;
}

function benchOf<Options>(
  make: (options: Options & { prefix: string }) => ResultStore,
  { options, overwrite }: Server<Options>,
): StoreBench {
  const prefix = `mobula/${crypto.randomUUID()}`;
  const store = make({ ...options, prefix });
  const keyOf = (digest: Digest) => new URL(store.reference(digest)).pathname.slice(1);
  return {
    store,
    neighbour: make({ ...options, prefix: `${prefix}-others` }),
    tamper: (digest, bytes) => overwrite(keyOf(digest), bytes),
  };
}

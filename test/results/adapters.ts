import type { ResultStore } from '../../src/core/result-store.ts';
import type { BucketOptions } from '../../src/results/bucket-store.ts';
import { gcsStore } from '../../src/results/gcs.ts';
import { gcsFetchStore } from '../../src/results/gcs-fetch.ts';
import { s3Store } from '../../src/results/s3.ts';
import { s3FetchStore } from '../../src/results/s3-fetch.ts';
import type { FakeBucket } from '../support/fake-bucket.ts';
import { FakeGcs } from '../support/fake-gcs.ts';
import { FakeS3 } from '../support/fake-s3.ts';
import type { StoreBench } from './conformance.ts';

export const s3 = new FakeS3();
export const gcs = new FakeGcs();

/** One way to speak to a bucket, and the fake that listens. */
export interface Adapter {
  readonly name: string;
  readonly fake: FakeBucket;
  readonly uploadMethod: 'PUT' | 'POST';
  make(options?: Partial<BucketOptions> & { endpoint?: string }): ResultStore;
}

const s3Options = () => ({
  bucket: s3.bucket,
  prefix: 'mobula/results',
  region: s3.region,
  endpoint: s3.url,
  credentials: s3.keys,
  timeoutMs: 10_000,
});
const gcsOptions = () => ({
  bucket: gcs.bucket,
  prefix: 'mobula/results',
  endpoint: gcs.url,
  credentials: gcs.key,
  timeoutMs: 10_000,
});

/** The SDK asks Google for its tokens, wherever the bucket is. */
const tokenFetch: typeof fetch = (_, options) => fetch(`${gcs.url}/token`, options);

export const adapters: readonly Adapter[] = [
  { name: 's3 by its SDK', fake: s3, uploadMethod: 'PUT', make: (over) => s3Store({ ...s3Options(), ...over }) },
  { name: 's3 by fetch', fake: s3, uploadMethod: 'PUT', make: (over) => s3FetchStore({ ...s3Options(), ...over }) },
  {
    name: 'gcs by its SDK',
    fake: gcs,
    uploadMethod: 'POST',
    make: (over) => gcsStore({ ...gcsOptions(), tokenFetch, ...over }),
  },
  {
    name: 'gcs by fetch',
    fake: gcs,
    uploadMethod: 'POST',
    make: (over) => gcsFetchStore({ ...gcsOptions(), ...over }),
  },
];

export const keyOf = (reference: string): string => new URL(reference).pathname.slice(1);

/** A bench on a fake, for the suite that all stores share. */
export async function benchOn({ fake, make }: Adapter): Promise<StoreBench> {
  const store = make();
  return {
    store,
    neighbour: make({ prefix: 'mobula/others' }),
    async tamper(digest, bytes) {
      fake.objects.set(keyOf(store.reference(digest)), { bytes: Buffer.from(bytes), about: {} });
    },
  };
}

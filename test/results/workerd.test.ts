import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import { createTestHarness } from 'wrangler';
import { FakeGcs } from '../support/fake-gcs.ts';
import { FakeS3 } from '../support/fake-s3.ts';
import { remoteStore } from '../support/workerd/remote-store.ts';
import type { StoreOptions } from '../support/workerd/store-call.ts';
import { describeStore, type StoreBench } from './conformance.ts';

// The stores run inside workerd, bundled as a Worker is, and go to our fakes; the suite drives them from here.

const s3 = new FakeS3();
const gcs = new FakeGcs();
// It leaves folders of its own behind.
const root = await mkdtemp(join(tmpdir(), 'mobula-workerd-'));
const harness = createTestHarness({
  root,
  workers: [
    {
      config: {
        name: 'stores',
        main: join(import.meta.dirname, '../support/workerd/store-worker.ts'),
        compatibility_date: '2026-11-17',
        compatibility_flags: ['nodejs_compat'],
      },
    },
  ],
});
let url = '';

beforeAll(async () => {
  await Promise.all([s3.start(), gcs.start()]);
  url = (await harness.listen()).url.href;
});
afterAll(async () => {
  await Promise.all([harness.close(), s3.close(), gcs.close()]);
  await rm(root, { recursive: true, force: true });
});

const options: Record<string, (prefix: string) => StoreOptions> = {
  s3: (prefix) => ({
    ...{ backend: 's3', bucket: s3.bucket, prefix, timeoutMs: 5_000 },
    ...{ region: s3.region, endpoint: s3.url, credentials: s3.keys },
  }),
  gcs: (prefix) => ({
    ...{ backend: 'gcs', bucket: gcs.bucket, prefix, timeoutMs: 5_000 },
    ...{ endpoint: gcs.url, credentials: gcs.key },
  }),
};

for (const [name, fake] of Object.entries({ s3, gcs })) {
  describeStore(`${name} by fetch, inside workerd`, async (): Promise<StoreBench> => {
    const make = (prefix: string) => {
      const made = options[name]?.(prefix);
      if (!made) throw new RangeError(name);
      return remoteStore(url, made);
    };
    const store = make('mobula/results');
    return {
      store,
      neighbour: make('mobula/others'),
      async tamper(digest, bytes) {
        const key = new URL(store.reference(digest)).pathname.slice(1);
        fake.objects.set(key, { bytes: Buffer.from(bytes), about: fake.objects.get(key)?.about ?? {} });
      },
    };
  });
}

import { afterAll, beforeAll } from 'vitest';
import { adapters, benchOn, gcs, s3 } from './adapters.ts';
import { describeStore } from './conformance.ts';

beforeAll(() => Promise.all([s3.start(), gcs.start()]));
afterAll(() => Promise.all([s3.close(), gcs.close()]));

for (const adapter of adapters) describeStore(adapter.name, () => benchOn(adapter));

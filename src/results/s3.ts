import type { ResultStore } from '../core/result-store.ts';
import { type BucketOptions, bucketStore } from './bucket-store.ts';
import { lazily } from './bucket-wire.ts';
import type { S3Credentials } from './s3-sign.ts';

export interface S3StoreOptions extends BucketOptions {
  /** As the SDK finds it unless said: AWS_REGION, a profile. */
  readonly region?: string | undefined;
  /** Of an S3-compatible store; it gets the bucket in the path. */
  readonly endpoint?: string | undefined;
  /** As the SDK finds them unless said: the environment, a profile, the machine's role. */
  readonly credentials?: S3Credentials | undefined;
}

/** Keeps results in S3, by Amazon's own SDK; for Node. On workerd, where the SDK cannot read errors, see s3-fetch.ts. */
export function s3Store(options: S3StoreOptions): ResultStore {
  return bucketStore(
    's3',
    options,
    lazily(async () => (await import('./s3-sdk.ts')).s3SdkWire(options)),
  );
}

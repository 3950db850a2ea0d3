import type { ResultStore } from '../core/result-store.ts';
import { type BucketOptions, bucketStore } from './bucket-store.ts';
import { lazily } from './bucket-wire.ts';
import type { GcsKey } from './gcs-object.ts';

export interface GcsStoreOptions extends BucketOptions {
  /** An emulator's, which is spoken to without credentials unless some are given; or a private one of Google's. */
  readonly endpoint?: string | undefined;
  /** As the SDK finds them unless said: GOOGLE_APPLICATION_CREDENTIALS, gcloud's own, the machine's account. */
  readonly credentials?: GcsKey | undefined;
  /** A file of Google credentials: one that is named is used for an emulator too. */
  readonly keyFile?: string | undefined;
  /** Carries the SDK's wishes for tokens, and nothing else. */
  readonly tokenFetch?: typeof fetch | undefined;
}

/**
 * Keeps results in GCS, by Google's own SDK; for Node. On workerd, where the SDK cannot download, see gcs-fetch.ts.
 *
 * URLs are signed by the key, or where there is none by Google itself for the account that the machine runs as (it needs
 * the role Service Account Token Creator on itself). Where neither is to be had, values pass through the app.
 */
export function gcsStore(options: GcsStoreOptions): ResultStore {
  return bucketStore(
    'gcs',
    options,
    lazily(async () => (await import('./gcs-sdk.ts')).gcsSdkWire(options)),
  );
}

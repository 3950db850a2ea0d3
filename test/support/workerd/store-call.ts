import type { Digest } from '../../../src/core/result-store.ts';
import type { GcsFetchStoreOptions } from '../../../src/results/gcs-fetch.ts';
import type { S3FetchStoreOptions } from '../../../src/results/s3-fetch.ts';

/** How a store inside the worker is made. */
export type StoreOptions =
  | (Omit<S3FetchStoreOptions, 'fetch'> & { readonly backend: 's3' })
  | (Omit<GcsFetchStoreOptions, 'fetch'> & { readonly backend: 'gcs' });

/** One call of a store's method; bytes travel as the body. */
export type StoreCall = { readonly options: StoreOptions } & (
  | { readonly method: 'put' | 'putStream' | 'has' | 'signUpload'; readonly digest: Digest }
  | { readonly method: 'read'; readonly reference: string; readonly bytesMax: number }
  | { readonly method: 'open' | 'remove' | 'signDownload'; readonly reference: string }
  | { readonly method: 'check' }
);

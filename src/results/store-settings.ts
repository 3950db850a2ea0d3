import type { ResultStore } from '../core/result-store.ts';

/** Which result store a deployment has, every setting of it decided. */
export type StoreSettings =
  | { readonly backend: 'digest' }
  | { readonly backend: 'filesystem'; readonly root: string }
  | {
      readonly backend: 's3';
      readonly bucket: string;
      readonly prefix: string;
      readonly region?: string | undefined;
      readonly endpoint?: string | undefined;
    }
  | {
      readonly backend: 'gcs';
      readonly bucket: string;
      readonly prefix: string;
      readonly endpoint?: string | undefined;
    };

/** What a store that has no SDK needs beside its settings. */
export interface StoreMeans {
  /** Where credentials are looked for. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Carries its requests; the platform's own unless said. */
  readonly fetch?: typeof fetch | undefined;
}

/** Makes a store of its settings. */
export type OpenStore = (settings: StoreSettings, means: StoreMeans) => ResultStore;

import type { ResultStore } from '../core/result-store.ts';
import { digestStore } from './digest.ts';
import { filesystemStore } from './filesystem.ts';
import { gcsStore } from './gcs.ts';
import { s3Store } from './s3.ts';
import type { StoreSettings } from './store-settings.ts';

/** Opens the configured store with what Node has: folders, and the official SDKs with their ways to find credentials. */
export function openStore(settings: StoreSettings): ResultStore {
  switch (settings.backend) {
    case 'digest':
      return digestStore();
    case 'filesystem':
      return filesystemStore({ root: settings.root });
    case 's3':
      return s3Store(settings);
    case 'gcs':
      return gcsStore(settings);
  }
}

import { digestStore } from './digest.ts';
import { filesystemStore } from './filesystem.ts';
import { gcsStore } from './gcs.ts';
import { s3Store } from './s3.ts';
import type { OpenStore } from './store-settings.ts';

/** Opens the configured store with what Node has: folders, and the official SDKs with their ways to find credentials. */
export const openStore: OpenStore = (settings, { env }) => {
  switch (settings.backend) {
    case 'digest':
      return digestStore();
    case 'filesystem':
      return filesystemStore({ root: settings.root });
    case 's3':
      return s3Store(settings);
    case 'gcs':
      return gcsStore({ ...settings, keyFile: env['GOOGLE_APPLICATION_CREDENTIALS'] });
  }
};

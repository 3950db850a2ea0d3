import * as z from 'zod';
import { MobulaError } from '../core/errors.ts';
import { digestStore } from './digest.ts';
import { gcsFetchStore } from './gcs-fetch.ts';
import { isEmulator } from './gcs-object.ts';
import { s3FetchStore } from './s3-fetch.ts';
import type { OpenStore, StoreMeans, StoreSettings } from './store-settings.ts';

/**
 * Opens the configured store with what workerd has: `fetch`, and credentials in the environment, since there is no machine
 * to ask for them. No SDK comes along; `#stores` in package.json picks this file where a bundle is made for workerd.
 */
export const openStore: OpenStore = (settings, { env, fetch }) => {
  switch (settings.backend) {
    case 'digest':
      return digestStore();
    case 'filesystem':
      throw misconfigured('filesystem: there is no disk on Workers');
    case 's3':
      return s3FetchStore({
        ...settings,
        region: settings.region ?? env['AWS_REGION'],
        credentials: s3Credentials(env),
        fetch,
      });
    case 'gcs':
      return gcsFetchStore({ ...settings, credentials: gcsCredentials(settings, env), fetch });
  }
};

function s3Credentials(env: StoreMeans['env']) {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = env;
  if (!accessKeyId || !secretAccessKey)
    throw misconfigured('s3: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are missing');
  return { accessKeyId, secretAccessKey, sessionToken: env['AWS_SESSION_TOKEN'] };
}

const keyFile = z.object({ client_email: z.string(), private_key: z.string(), token_uri: z.string().optional() });

function gcsCredentials(settings: StoreSettings & { backend: 'gcs' }, env: StoreMeans['env']) {
  const text = env['GOOGLE_CREDENTIALS'];
  if (!text && isEmulator(settings.endpoint)) return undefined;
  try {
    return keyFile.parse(JSON.parse(text ?? ''));
  } catch {
    throw misconfigured('gcs: GOOGLE_CREDENTIALS must hold a service account’s key file, as JSON');
  }
}

const misconfigured = (problem: string) =>
  new MobulaError('misconfigured', `MOBULA_RESULT_STORAGE_BACKEND=${problem}.`);

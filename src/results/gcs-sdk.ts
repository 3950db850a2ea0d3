import { createHash } from 'node:crypto';
import { type File, Storage } from '@google-cloud/storage';
import { limits } from '../core/limits.ts';
import { BucketFault, type BucketWire } from './bucket-wire.ts';
import type { GcsStoreOptions } from './gcs.ts';
import { gcsFetchWire, throughApp } from './gcs-fetch.ts';
import {
  gcsFault,
  googleEndpoint,
  isEmulator,
  isKept,
  isMissingBucket,
  objectMetadata,
  toSight,
  uploadHeaders,
} from './gcs-object.ts';

/** GCS's calls by Google's own SDK. */
export function gcsSdkWire({ bucket, endpoint, ...means }: GcsStoreOptions): BucketWire {
  const isOpen = isEmulator(endpoint) && !means.credentials && !means.keyFile;
  const storage = openClient({ ...means, endpoint, isOpen });
  const token = async () => (isOpen ? null : ((await storage.authClient.getAccessToken().catch(fail)) ?? null));
  // The token comes first: without one the SDK would ask all the same, as nobody.
  const fileOf = async (key: string): Promise<File> => {
    await token();
    return storage.bucket(bucket).file(key);
  };
  const streams = gcsFetchWire({ bucket, endpoint: endpoint ?? googleEndpoint, token, send: fetch });
  const sign = async (key: string, options: Omit<SignedUrl, 'version' | 'expires'>, seconds: number) =>
    isOpen ? null : signUrl(await fileOf(key), { ...options, version: 'v4', expires: Date.now() + seconds * 1_000 });

  return {
    // Streams go past the SDK, with its tokens. It cannot cut off an upload whose source fails, and leaves the connection
    // open; and when a download is given up it destroys the connections of all others too.
    get: streams.get,
    async create(key, digest, body, signal) {
      if (!(body instanceof Uint8Array)) return streams.create(key, digest, body, signal);
      const metadata = { ...objectMetadata(key, digest), md5Hash: createHash('md5').update(body).digest('base64') };
      const rules = { resumable: false, validation: false, preconditionOpts: { ifGenerationMatch: 0 } };
      const file = await fileOf(key);
      return file.save(body as Buffer, { ...rules, metadata }).then(
        () => (isKept(file.metadata, digest) ? 'kept' : 'told'),
        (error) => ([409, 412].includes(statusOf(error)) ? 'taken' : fail(error)),
      );
    },
    async look(key) {
      const [found] = (await (await fileOf(key)).getMetadata().catch(nullIfAbsent)) ?? [null];
      return found && toSight(found);
    },
    async remove(key) {
      await (await fileOf(key)).delete().catch(nullIfAbsent);
    },
    async signPut(key, digest) {
      const headers = uploadHeaders(digest);
      const { 'content-type': contentType = '', ...extensionHeaders } = headers;
      const url = await sign(key, { action: 'write', contentType, extensionHeaders }, limits.signedUploadSeconds);
      return url === null ? throughApp : { method: 'PUT', url, headers };
    },
    async signGet(key) {
      const asked = { action: 'read', responseType: 'application/json', responseDisposition: 'attachment' } as const;
      return sign(key, asked, limits.signedDownloadSeconds);
    },
  };
}

type ClientOptions = Omit<GcsStoreOptions, 'bucket' | 'prefix'> & { readonly isOpen: boolean };

/** One try for each call. */
function openClient({ endpoint, credentials, keyFile, tokenFetch, isOpen }: ClientOptions): Storage {
  const storage = new Storage({
    retryOptions: { autoRetry: false, maxRetries: 0 },
    useAuthWithCustomEndpoint: !isOpen,
    ...(endpoint !== undefined && { apiEndpoint: endpoint }),
    ...(keyFile && { keyFilename: keyFile }),
    ...(tokenFetch && { clientOptions: { transporterOptions: { fetchImplementation: tokenFetch } } }),
  });
  // Not among the options above, which makes the SDK write a warning to the console.
  if (credentials) storage.authClient.jsonContent = { type: 'service_account', ...credentials };
  return storage;
}

type SignedUrl = Parameters<File['getSignedUrl']>[0];

/** Null where there is neither a key nor the right to have Google sign. */
const signUrl = (file: File, options: SignedUrl): Promise<string | null> =>
  file.getSignedUrl(options).then(
    ([url]) => url,
    () => null,
  );

function statusOf(error: unknown): number {
  return error instanceof Error && 'code' in error ? Number(error.code) : 0;
}

function nullIfAbsent(error: unknown): null {
  const status = statusOf(error);
  if (status === 404 && !isMissingBucket(status, (error as Error).message)) return null;
  return fail(error);
}

function fail(error: unknown): never {
  const status = statusOf(error);
  const message = error instanceof Error ? error.message : '';
  if (/Could not load the default credentials/.test(message)) {
    throw new BucketFault('no_credentials', 'cannot be used without credentials', error);
  }
  if (/^invalid_(grant|client)/.test(message)) {
    throw new BucketFault('refused', `cannot be used: Google's token service refused the key`, error);
  }
  if (status >= 100) throw gcsFault(status, message, error);
  throw error;
}

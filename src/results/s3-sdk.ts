import { Readable } from 'node:stream';
import type { ReadableStream as NodeReadableStream } from 'node:stream/web';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  PutObjectCommand,
  S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { toBase64 } from '../core/sha256.ts';
import { BucketFault, type BucketWire, faultOf } from './bucket-wire.ts';
import { nodePieces } from './node-pieces.ts';
import type { S3StoreOptions } from './s3.ts';
import { readChecksum, signS3Get, signS3Put, toAws } from './s3-sign.ts';

/** S3's calls by Amazon's own SDK. */
export function s3SdkWire({ bucket: Bucket, ...options }: S3StoreOptions): BucketWire {
  const client = openClient(options);
  const sign = async () => {
    const [credentials, region] = await Promise.all([client.config.credentials(), client.config.region()]);
    return { credentials, address: { bucket: Bucket, region, endpoint: options.endpoint } };
  };

  return {
    async create(Key, digest, body, abortSignal) {
      const Body = body instanceof Uint8Array ? body : toReadable(body);
      const object = { Bucket, Key, Body, ContentLength: digest.bytes, ContentType: 'application/json' };
      const ChecksumSHA256 = toBase64(digest.sha256);
      const put = new PutObjectCommand({ ...object, ChecksumAlgorithm: 'SHA256', ChecksumSHA256, IfNoneMatch: '*' });
      return client.send(put, { abortSignal }).then(
        (kept) => (kept.ChecksumSHA256 === ChecksumSHA256 ? 'kept' : 'told'),
        (error) => (isStatus(error, 409, 412) ? 'taken' : fail(error)),
      );
    },
    async look(Key, abortSignal) {
      const head = new HeadObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' });
      const found = await client.send(head, { abortSignal }).catch(nullIfAbsent);
      return found && { bytes: found.ContentLength ?? -1, sha256: readChecksum(found.ChecksumSHA256) };
    },
    async get(Key, abortSignal) {
      const found = await client.send(new GetObjectCommand({ Bucket, Key }), { abortSignal }).catch(nullIfAbsent);
      if (!found?.Body) return null;
      return { bytes: found.ContentLength ?? null, pieces: nodePieces(found.Body as Readable) };
    },
    async remove(Key, abortSignal) {
      await client.send(new DeleteObjectCommand({ Bucket, Key }), { abortSignal }).catch(nullIfAbsent);
    },
    async signPut(key, digest) {
      const { credentials, address } = await sign().catch(fail);
      return signS3Put(credentials, address, key, digest);
    },
    async signGet(key) {
      const { credentials, address } = await sign().catch(fail);
      return signS3Get(credentials, address, key);
    },
  };
}

/** The SDK listens to no error of what it sends, which would end the process; the store does, and gives the call up. */
const toReadable = (stream: ReadableStream<Uint8Array>): Readable =>
  Readable.fromWeb(stream as NodeReadableStream).on('error', ignore);

const ignore = (): void => undefined;

/** One try for each call, and no checksums but our own: not every S3-compatible store knows the SDK's newer ones. */
function openClient({ region, endpoint, credentials }: Omit<S3StoreOptions, 'bucket'>): S3Client {
  return new S3Client({
    maxAttempts: 1,
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
    // The environment's endpoint would be the SDK's alone, and the URLs that we sign would name another.
    ignoreConfiguredEndpointUrls: true,
    // It would write to the console what we throw.
    logger: { trace: ignore, debug: ignore, info: ignore, warn: ignore, error: ignore },
    ...(region !== undefined && { region }),
    ...(endpoint !== undefined && { endpoint, forcePathStyle: true }),
    ...(credentials && { credentials: toAws(credentials) }),
  });
}

const isStatus = (error: unknown, ...statuses: number[]): boolean =>
  error instanceof S3ServiceException && statuses.includes(error.$metadata.httpStatusCode ?? 0);

function nullIfAbsent(error: unknown): null {
  if (isStatus(error, 404) && (error as Error).name !== 'NoSuchBucket') return null;
  return fail(error);
}

function fail(error: unknown): never {
  if (error instanceof S3ServiceException) throw faultOf(error.$metadata.httpStatusCode ?? 0, error.name, error);
  const isCredentials = error instanceof Error && /^(CredentialsProviderError|TokenProviderError)$/.test(error.name);
  if (isCredentials) throw new BucketFault('no_credentials', 'cannot be used without credentials', error);
  if (error instanceof Error && error.message === 'Region is missing') {
    throw new BucketFault('misconfigured', 'has no region: set MOBULA_RESULT_STORAGE_S3_REGION or AWS_REGION', error);
  }
  throw error;
}

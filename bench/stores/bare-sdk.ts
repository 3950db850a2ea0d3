import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { Storage } from '@google-cloud/storage';

/** What the official SDK does alone. */
export interface Bare {
  upload(key: string, bytes: Buffer): Promise<unknown>;
  read(key: string): Promise<unknown>;
  open(key: string): Promise<AsyncIterable<unknown>>;
}

/** The SDK as it comes, which checks what the store says of a value, and with its checks switched off. */
export interface BareSdk {
  readonly asItComes: Bare;
  readonly unchecked: Bare;
}

export interface S3Address {
  readonly bucket: string;
  readonly region: string;
  readonly endpoint: string;
  readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
}

/** Its own checks are CRC32 for what it sends, and for what it reads whatever sum the object has: SHA-256 for one of ours. */
export function bareS3({ bucket: Bucket, region, endpoint, credentials }: S3Address): BareSdk {
  const bare = (checks: 'WHEN_SUPPORTED' | 'WHEN_REQUIRED'): Bare => {
    const options = { requestChecksumCalculation: checks, responseChecksumValidation: checks };
    const client = new S3Client({ region, endpoint, forcePathStyle: true, credentials, ...options });
    const bodyOf = async (Key: string) => (await client.send(new GetObjectCommand({ Bucket, Key }))).Body;
    return {
      upload: (Key, Body) => client.send(new PutObjectCommand({ Bucket, Key, Body })),
      read: async (key) => (await bodyOf(key))?.transformToByteArray(),
      open: async (key) => (await bodyOf(key)) as AsyncIterable<unknown>,
    };
  };
  return { asItComes: bare('WHEN_SUPPORTED'), unchecked: bare('WHEN_REQUIRED') };
}

/** Its own check is CRC32C both ways. */
export function bareGcs({ bucket, endpoint }: { bucket: string; endpoint: string }): BareSdk {
  const objects = new Storage({ apiEndpoint: endpoint, useAuthWithCustomEndpoint: false }).bucket(bucket);
  const bare = (checks: { validation?: false }): Bare => ({
    upload: (key, bytes) => objects.file(key).save(bytes, { resumable: false, ...checks }),
    read: (key) => objects.file(key).download(checks),
    open: async (key) => objects.file(key).createReadStream(checks),
  });
  return { asItComes: bare({}), unchecked: bare({ validation: false }) };
}

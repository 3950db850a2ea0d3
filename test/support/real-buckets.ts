import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { Storage } from '@google-cloud/storage';

/** A bucket of a server that is not ours, and a way into it behind a store's back. */
export interface RealS3 {
  readonly options: {
    readonly bucket: string;
    readonly endpoint: string;
    readonly region: string;
    readonly credentials: { readonly accessKeyId: string; readonly secretAccessKey: string };
  };
  overwrite(key: string, bytes: Uint8Array): Promise<void>;
}

/** Opens `http(s)://<key id>:<secret>@<host>/<bucket>?region=<region>`, and makes the bucket unless it is there. */
export async function openRealS3(address: string): Promise<RealS3> {
  const url = new URL(address);
  const [Bucket = ''] = url.pathname.split('/').filter(Boolean);
  const region = url.searchParams.get('region') ?? 'us-east-1';
  const credentials = {
    accessKeyId: decodeURIComponent(url.username),
    secretAccessKey: decodeURIComponent(url.password),
  };
  const options = { bucket: Bucket, endpoint: url.origin, region, credentials };
  const client = new S3Client({ ...options, forcePathStyle: true, requestChecksumCalculation: 'WHEN_REQUIRED' });
  await client.send(new CreateBucketCommand({ Bucket })).catch((error: Error) => {
    if (!/^BucketAlready/.test(error.name)) throw error;
  });
  return {
    options,
    overwrite: async (Key, Body) => void (await client.send(new PutObjectCommand({ Bucket, Key, Body }))),
  };
}

export interface RealGcs {
  readonly options: { readonly bucket: string; readonly endpoint: string };
  overwrite(key: string, bytes: Uint8Array): Promise<void>;
}

/** Opens `http(s)://<host>/<bucket>`, an emulator without credentials, and makes the bucket unless it is there. */
export async function openRealGcs(address: string): Promise<RealGcs> {
  const url = new URL(address);
  const [bucket = ''] = url.pathname.split('/').filter(Boolean);
  const storage = new Storage({ apiEndpoint: url.origin, projectId: 'mobula', useAuthWithCustomEndpoint: false });
  await storage.createBucket(bucket).catch((error: Error & { code?: number }) => {
    if (error.code !== 409) throw error;
  });
  return {
    options: { bucket, endpoint: url.origin },
    overwrite: (key, bytes) =>
      storage
        .bucket(bucket)
        .file(key)
        .save(bytes as Buffer, { resumable: false }),
  };
}

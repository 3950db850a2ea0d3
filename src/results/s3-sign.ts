import { AwsClient } from 'aws4fetch';
import { toHex } from '../core/hex.ts';
import { limits } from '../core/limits.ts';
import type { Digest, SignedUpload } from '../core/result-store.ts';
import { toBase64 } from '../core/sha256.ts';

export interface S3Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

export interface S3Address {
  readonly bucket: string;
  readonly region: string;
  /** Of an S3-compatible store, which gets the bucket in the path; Amazon's own unless said. */
  readonly endpoint?: string | undefined;
}

/** Where an object is. A bucket with a dot in its name is in the path too: no certificate covers it as a host. */
export function s3Url({ bucket, region, endpoint }: S3Address, key: string): string {
  if (endpoint !== undefined) return `${endpoint.replace(/\/+$/, '')}/${bucket}/${key}`;
  const host = `s3.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
  return bucket.includes('.') ? `https://${host}/${bucket}/${key}` : `https://${bucket}.${host}/${key}`;
}

/** The headers that make S3 create only, and verify what it is sent. */
export const uploadHeaders = ({ sha256, bytes }: Digest): Record<string, string> => ({
  'content-length': String(bytes),
  'content-type': 'application/json',
  'if-none-match': '*',
  'x-amz-checksum-sha256': toBase64(sha256),
  'x-amz-sdk-checksum-algorithm': 'SHA256',
});

/** Signs an upload of this very content: the store refuses any other, and any once it is there. */
export async function signS3Put(
  credentials: S3Credentials,
  address: S3Address,
  key: string,
  digest: Digest,
): Promise<SignedUpload> {
  const headers = uploadHeaders(digest);
  const url = await presign(credentials, address, { method: 'PUT', key, headers, seconds: limits.signedUploadSeconds });
  return { method: 'PUT', url, headers };
}

/** Signs a download that a browser saves and never runs. */
export function signS3Get(credentials: S3Credentials, address: S3Address, key: string): Promise<string> {
  const query = { 'response-content-type': 'application/json', 'response-content-disposition': 'attachment' };
  return presign(credentials, address, { method: 'GET', key, query, seconds: limits.signedDownloadSeconds });
}

interface Presigned {
  readonly method: string;
  readonly key: string;
  readonly headers?: Record<string, string>;
  readonly query?: Record<string, string>;
  readonly seconds: number;
}

async function presign(credentials: S3Credentials, address: S3Address, wanted: Presigned): Promise<string> {
  const { method, key, headers = {}, query = {}, seconds } = wanted;
  const url = new URL(s3Url(address, key));
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  url.searchParams.set('X-Amz-Expires', String(seconds));
  const client = new AwsClient({ ...toAws(credentials), service: 's3', region: address.region });
  const signed = await client.sign(url.href, { method, headers, aws: { signQuery: true, allHeaders: true } });
  return signed.url;
}

/** As aws4fetch wants them: an absent token is absent, not undefined. */
export const toAws = ({ accessKeyId, secretAccessKey, sessionToken }: S3Credentials) => ({
  accessKeyId,
  secretAccessKey,
  ...(sessionToken !== undefined && { sessionToken }),
});

/** A checksum, out of S3's headers; null for none, and for one of parts, which is no SHA-256 of the whole. */
export function readChecksum(base64: string | null | undefined): string | null {
  if (!base64 || !/^[\w+/]{43}=$/.test(base64)) return null;
  return toHex(Uint8Array.from(atob(base64), (byte) => byte.charCodeAt(0)));
}

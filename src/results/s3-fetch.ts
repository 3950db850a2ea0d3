import { AwsClient } from 'aws4fetch';
import type { ResultStore } from '../core/result-store.ts';
import { type BucketOptions, bucketStore } from './bucket-store.ts';
import { type BucketWire, faultOf } from './bucket-wire.ts';
import { type Body, cancelBody, lengthOf, readHead, toBody, toInit } from './fetch-body.ts';
import { readChecksum, type S3Credentials, s3Url, signS3Get, signS3Put, toAws, uploadHeaders } from './s3-sign.ts';

export interface S3FetchStoreOptions extends BucketOptions {
  /** `auto` for R2; us-east-1 unless said. */
  readonly region?: string | undefined;
  /** Of an S3-compatible store; it gets the bucket in the path. */
  readonly endpoint?: string | undefined;
  readonly credentials: S3Credentials;
  readonly fetch?: typeof fetch | undefined;
}

/** Keeps results in S3 by `fetch` alone: for workerd, where Amazon's SDK can read neither errors nor lists. */
export function s3FetchStore(options: S3FetchStoreOptions): ResultStore {
  return bucketStore('s3', options, fetchWire(options));
}

function fetchWire(options: S3FetchStoreOptions): BucketWire {
  const { bucket, endpoint, credentials } = options;
  const address = { bucket, endpoint, region: options.region ?? 'us-east-1' };
  const client = new AwsClient({ ...toAws(credentials), service: 's3', region: address.region });
  const send = options.fetch ?? ((...call: Parameters<typeof fetch>) => fetch(...call));

  async function call(
    method: string,
    key: string,
    signal: AbortSignal,
    extra: { headers?: Record<string, string>; body?: Body } = {},
  ) {
    // Signed apart from its body, so that a stream is not read for it; the checksum among the headers stands for the body.
    const url = s3Url(address, key);
    const signed = await client.sign(url, { method, headers: extra.headers ?? {}, aws: { allHeaders: true } });
    return send(url, { method, headers: signed.headers, redirect: 'manual', signal, ...toInit(extra.body) });
  }

  return {
    async create(key, digest, bytes, signal) {
      const headers: Record<string, string> = { ...uploadHeaders(digest), 'x-amz-content-sha256': digest.sha256 };
      const answer = await call('PUT', key, signal, { headers, body: toBody(bytes, digest.bytes) });
      if (answer.status !== 409 && answer.status !== 412) await accept(answer);
      cancelBody(answer);
      if (!answer.ok) return 'taken';
      return answer.headers.get(checksumHeader) === headers[checksumHeader] ? 'kept' : 'told';
    },
    async look(key, signal) {
      const answer = await call('HEAD', key, signal, { headers: { 'x-amz-checksum-mode': 'ENABLED' } });
      if (answer.status === 404) return null;
      await accept(answer);
      return { bytes: lengthOf(answer) ?? -1, sha256: readChecksum(answer.headers.get(checksumHeader)) };
    },
    async get(key, signal) {
      const answer = await call('GET', key, signal, { headers: { 'accept-encoding': 'identity' } });
      if (!(await accept(answer, 'NoSuchKey')) || !answer.body) return null;
      return { bytes: lengthOf(answer), pieces: answer.body.getReader() };
    },
    async remove(key, signal) {
      const answer = await call('DELETE', key, signal);
      if (await accept(answer, 'NoSuchKey')) cancelBody(answer);
    },
    signPut: (key, digest) => signS3Put(credentials, address, key, digest),
    signGet: (key) => signS3Get(credentials, address, key),
  };
}

const checksumHeader = 'x-amz-checksum-sha256';

/** False where the answer is a 404 with the word `absent`, or with none; what else is no success is thrown. */
async function accept(answer: Response, absent?: string): Promise<boolean> {
  if (answer.ok) return true;
  const [, word] = /<Code>([^<]{1,100})<\/Code>/.exec(await readHead(answer)) ?? [];
  if (answer.status === 404 && absent !== undefined && (word ?? absent) === absent) return false;
  throw faultOf(answer.status, word);
}

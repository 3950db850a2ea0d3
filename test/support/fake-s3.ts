import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { type Keys, refusalOf } from './fake-bucket/sigv4.ts';
import type { Answer } from './fake-bucket/trouble.ts';
import { type Ask, FakeBucket } from './fake-bucket.ts';

/**
 * An S3 with one bucket that is as strict as the real one: signatures in headers and URLs, payload hashes, checksums,
 * lengths, create-only writes. Path style.
 */
export class FakeS3 extends FakeBucket {
  readonly region = 'eu-north-1';
  readonly keys: Keys = {
    accessKeyId: 'AKIDFAKE',
    secretAccessKey: 'canary-s3-secret',
    sessionToken: 'canary-s3-session/+=',
  };

  /** What an app is told that keeps its results here. */
  get settings(): Readonly<Record<string, string>> {
    return {
      MOBULA_RESULT_STORAGE_BACKEND: 's3',
      MOBULA_RESULT_STORAGE_S3_BUCKET: this.bucket,
      MOBULA_RESULT_STORAGE_S3_REGION: this.region,
      MOBULA_RESULT_STORAGE_S3_ENDPOINT_URL: this.url,
      AWS_ACCESS_KEY_ID: this.keys.accessKeyId,
      AWS_SECRET_ACCESS_KEY: this.keys.secretAccessKey,
      AWS_SESSION_TOKEN: this.keys.sessionToken ?? '',
    };
  }

  protected override answer(ask: Ask, body: Buffer): Answer {
    const refusal = refusalOf(ask, body, this.keys, this.region);
    if (refusal) return this.refuse(refusal === 'AuthorizationHeaderMalformed' ? 400 : 403, refusal);
    const [, bucket = '', ...rest] = decodeURIComponent(ask.rawPath).split('/');
    if (bucket !== this.bucket) return this.refuse(404, 'NoSuchBucket');
    const key = rest.join('/');
    if (ask.method === 'PUT') return this.put(key, ask, body);
    if (ask.method === 'DELETE') {
      this.objects.delete(key);
      return { status: 204 };
    }
    return this.get(key, ask);
  }

  protected override refuse(status: number, word: string, message = 'No.'): Answer {
    const error = `<Error><Code>${word}</Code><Message>${message}</Message><RequestId>1</RequestId></Error>`;
    const body = `<?xml version="1.0" encoding="UTF-8"?>\n${error}`;
    return { status, headers: { 'content-type': 'application/xml' }, body };
  }

  private put(key: string, { headers }: Ask, body: Buffer): Answer {
    if (headers['content-length'] === undefined) return this.refuse(411, 'MissingContentLength');
    const condition = headers['if-none-match'];
    if (condition !== undefined && condition !== '*') return this.refuse(501, 'NotImplemented');
    const declared = Object.entries(headers).filter(([name]) => name.startsWith('x-amz-checksum-'));
    if (declared.some(([name, sum]) => checksumOf(name, headers, body) !== sum)) return this.refuse(400, 'BadDigest');
    if (condition === '*' && this.objects.has(key)) return this.refuse(412, 'PreconditionFailed');
    const checksums = Object.fromEntries(declared);
    const contentType = headers['content-type'] ?? 'binary/octet-stream';
    this.objects.set(key, { bytes: body, about: { 'content-type': contentType, ...checksums } });
    return { status: 200, headers: { etag: '"1"', ...checksums } };
  }

  private get(key: string, { method, headers, url }: Ask): Answer {
    const object = this.objects.get(key);
    if (!object) return method === 'HEAD' ? { status: 404 } : this.refuse(404, 'NoSuchKey');
    const isShown = (name: string) =>
      !name.startsWith('x-amz-checksum-') || headers['x-amz-checksum-mode'] === 'ENABLED';
    const said = Object.fromEntries(Object.entries(object.about).filter(([name]) => isShown(name)));
    for (const name of ['content-type', 'content-disposition']) {
      const asked = url.searchParams.get(`response-${name}`);
      if (asked !== null) said[name] = asked;
    }
    return { status: 200, headers: said, body: object.bytes };
  }
}

/** The sum that a header should give. A SHA-256 that the signature has proved already is not reckoned again. */
function checksumOf(name: string, headers: Ask['headers'], body: Buffer): string | null {
  if (name === 'x-amz-checksum-sha256') {
    const proved = headers['x-amz-content-sha256'] ?? '';
    if (/^[0-9a-f]{64}$/.test(proved)) return Buffer.from(proved, 'hex').toString('base64');
    return createHash('sha256').update(body).digest('base64');
  }
  if (name !== 'x-amz-checksum-crc32') return null;
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(body));
  return sum.toString('base64');
}

import { createHash, generateKeyPairSync, randomUUID } from 'node:crypto';
import { jwtVerify } from 'jose';
import { crc32c } from './fake-bucket/crc32c.ts';
import { refusalOf } from './fake-bucket/goog4.ts';
import { readRelated } from './fake-bucket/related.ts';
import type { Answer } from './fake-bucket/trouble.ts';
import { type Ask, FakeBucket } from './fake-bucket.ts';

const json = (status: number, value: unknown): Answer => ({
  status,
  headers: { 'content-type': 'application/json; charset=UTF-8' },
  body: JSON.stringify(value),
});

const noBucket = 'The specified bucket does not exist.';

/**
 * A GCS with one bucket and one service account that is as strict as the real one: tokens, V4 signatures, generations,
 * checksums, lengths. It speaks the JSON API to those with a token and the XML API to those with a signed URL.
 */
export class FakeGcs extends FakeBucket {
  readonly email = 'results@project.iam.gserviceaccount.com';
  readonly tokens = new Set<string>();
  /** Seconds that a token is said to last. */
  tokenSeconds = 3_600;
  /** As an emulator, which asks nobody for a token. */
  isOpen = false;
  private readonly pair = generateKeyPairSync('rsa', { modulusLength: 2_048 });

  /** The key file of the account, as far as we read it. */
  get key() {
    return {
      client_email: this.email,
      private_key: this.pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
      token_uri: `${this.url}/token`,
    };
  }

  protected override answer(ask: Ask, body: Buffer): Answer | Promise<Answer> {
    const { pathname } = ask.url;
    if (pathname === '/token') return this.exchange(body);
    const [, bucket, key] = /^\/(?:upload\/)?storage\/v1\/b\/([^/]+)\/o(?:\/([^/]+))?$/.exec(ask.rawPath) ?? [];
    if (bucket === undefined) return this.answerSigned(ask, body);
    const [, token = ''] = /^Bearer (.+)$/.exec(ask.headers['authorization'] ?? '') ?? [];
    if (!this.isOpen && !this.tokens.has(token)) return this.refuse(401, 'required', 'Anonymous caller.');
    if (bucket !== this.bucket) return this.refuse(404, 'notFound', noBucket);
    if (ask.method === 'POST' && pathname.startsWith('/upload/')) return this.insert(ask, body);
    return this.answerObject(ask, decodeURIComponent(key ?? ''));
  }

  protected override refuse(status: number, word: string, message = 'No.'): Answer {
    return json(status, { error: { code: status, message, errors: [{ message, domain: 'global', reason: word }] } });
  }

  private async exchange(body: Buffer): Promise<Answer> {
    const form = new URLSearchParams(body.toString());
    const isGrant = form.get('grant_type') === 'urn:ietf:params:oauth:grant-type:jwt-bearer';
    const audience = [`${this.url}/token`, 'https://oauth2.googleapis.com/token'];
    const checks = { issuer: this.email, audience, maxTokenAge: '1h', requiredClaims: ['exp', 'scope'] };
    const wish = await jwtVerify(form.get('assertion') ?? '', this.pair.publicKey, checks).catch(() => null);
    const scopes = String(wish?.payload['scope']).split(' ');
    if (!isGrant || !scopes.some((scope) => /devstorage\.(read_write|full_control)$/.test(scope))) {
      return json(400, { error: 'invalid_grant', error_description: 'Invalid JWT Signature.' });
    }
    const token = `canary-gcs-token-${randomUUID()}`;
    this.tokens.add(token);
    return json(200, { access_token: token, expires_in: this.tokenSeconds, token_type: 'Bearer' });
  }

  private insert({ url: { searchParams }, headers }: Ask, body: Buffer): Answer {
    const parts = readRelated(headers['content-type'] ?? '', body);
    if (searchParams.get('uploadType') !== 'multipart' || !parts) return this.refuse(400, 'badRequest');
    const { name, contentType, metadata = {}, md5Hash } = parts.about;
    const key = name ?? searchParams.get('name') ?? '';
    if (md5Hash !== undefined && md5Hash !== sumsOf(parts.content).md5)
      return this.refuse(400, 'invalid', 'Provided MD5.');
    if (searchParams.get('ifGenerationMatch') === '0' && this.objects.has(key)) {
      return this.refuse(412, 'conditionNotMet', 'At least one of the pre-conditions you specified did not hold.');
    }
    this.keep(key, parts.content, contentType, metadata['sha256']);
    return this.describe(key);
  }

  private keep(key: string, bytes: Buffer, contentType = 'application/octet-stream', sha256?: string): void {
    this.objects.set(key, { bytes, about: { contentType, ...(sha256 !== undefined && { sha256 }) } });
  }

  private answerObject({ method, url }: Ask, key: string): Answer {
    const object = this.objects.get(key);
    const isMedia = url.searchParams.get('alt') === 'media';
    if (!object && isMedia) return { status: 404, body: `No such object: ${this.bucket}/${key}` };
    if (!object) return this.refuse(404, 'notFound', `No such object: ${this.bucket}/${key}`);
    if (method === 'DELETE') {
      this.objects.delete(key);
      return { status: 204 };
    }
    if (!isMedia) return this.describe(key);
    const { crc32c, md5 } = sumsOf(object.bytes);
    const headers = { 'x-goog-hash': `crc32c=${crc32c},md5=${md5}`, 'x-goog-stored-content-encoding': 'identity' };
    return {
      status: 200,
      headers: { ...headers, 'content-type': object.about['contentType'] ?? '' },
      body: object.bytes,
    };
  }

  private describe(key: string): Answer {
    const { bytes, about } = this.objects.get(key) ?? { bytes: Buffer.alloc(0), about: {} };
    const { contentType, ...metadata } = about as Record<string, string>;
    const { crc32c, md5: md5Hash } = sumsOf(bytes);
    const sums = { size: String(bytes.byteLength), crc32c, md5Hash };
    return json(200, { kind: 'storage#object', name: key, bucket: this.bucket, contentType, ...sums, metadata });
  }

  /** The XML API, for those with a signed URL alone. */
  private answerSigned(ask: Ask, body: Buffer): Answer {
    const refusal = refusalOf(ask, this.email, this.pair.publicKey);
    if (refusal) return xml(403, refusal);
    const [, bucket, ...rest] = decodeURIComponent(ask.rawPath).split('/');
    if (bucket !== this.bucket) return xml(404, 'NoSuchBucket');
    const key = rest.join('/');
    if (ask.method === 'PUT') return this.putSigned(key, ask, body);
    const object = this.objects.get(key);
    if (!object) return xml(404, 'NoSuchKey');
    const asked = (name: string) => ask.url.searchParams.get(`response-content-${name}`) ?? '';
    const headers = { 'content-type': asked('type'), 'content-disposition': asked('disposition') };
    return { status: 200, headers, body: object.bytes };
  }

  private putSigned(key: string, { headers }: Ask, body: Buffer): Answer {
    const [least = 0, most = Infinity] = headers['x-goog-content-length-range']?.split(',').map(Number) ?? [];
    if (body.byteLength < least || body.byteLength > most) return xml(400, 'EntityTooLarge');
    if (headers['x-goog-if-generation-match'] === '0' && this.objects.has(key)) return xml(412, 'PreconditionFailed');
    this.keep(key, body, headers['content-type'], headers['x-goog-meta-sha256']);
    return { status: 200 };
  }
}

interface Sums {
  readonly crc32c: string;
  readonly md5: string;
}

const known = new WeakMap<Buffer, Sums>();

/** What GCS says of every object; reckoned once for each, or a bench would measure that. */
function sumsOf(bytes: Buffer): Sums {
  const sums = known.get(bytes) ?? {
    crc32c: crc32c(bytes),
    md5: createHash('md5').update(bytes).digest('base64'),
  };
  known.set(bytes, sums);
  return sums;
}

const xml = (status: number, word: string): Answer => ({
  status,
  headers: { 'content-type': 'application/xml' },
  body: `<?xml version='1.0' encoding='UTF-8'?><Error><Code>${word}</Code></Error>`,
});

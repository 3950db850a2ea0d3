import { createHash, createHmac } from 'node:crypto';
import type { Ask } from '../fake-bucket.ts';

export interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** Why S3 would refuse a call; null where its signature is right. Written from Amazon's description, not from a client. */
export function refusalOf(ask: Ask, body: Buffer, keys: Keys, region: string): string | null {
  const claim = readClaim(ask);
  if (!claim) return 'AccessDenied';
  const [accessKeyId, day, ...scope] = claim.credential.split('/');
  if (accessKeyId !== keys.accessKeyId) return 'InvalidAccessKeyId';
  if (scope.join('/') !== `${region}/s3/aws4_request` || day !== claim.date.slice(0, 8))
    return 'AuthorizationHeaderMalformed';
  if (claim.token !== keys.sessionToken) return 'InvalidToken';
  if (!isTimely(claim)) return claim.seconds === null ? 'RequestTimeTooSkewed' : 'ExpiredPresignedUrl';
  if (unsignedHeaders(ask, claim.names).length > 0) return 'HeadersNotSigned';
  const isHashed = claim.payload !== 'UNSIGNED-PAYLOAD';
  if (isHashed && claim.payload !== sha256(body)) return 'XAmzContentSHA256Mismatch';
  return signatureOf(ask, claim, keys, `${day}/${scope.join('/')}`) === claim.signature
    ? null
    : 'SignatureDoesNotMatch';
}

interface Claim {
  readonly credential: string;
  readonly date: string;
  readonly names: readonly string[];
  readonly signature: string;
  readonly payload: string;
  readonly token: string | undefined;
  /** Null for a signature among the headers. */
  readonly seconds: number | null;
}

function readClaim({ headers, url: { searchParams } }: Ask): Claim | null {
  const pattern = /^AWS4-HMAC-SHA256 Credential=([^,]+), ?SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})$/;
  const [, credential, names, signature] = pattern.exec(headers['authorization'] ?? '') ?? [];
  if (credential && names && signature) {
    const date = headers['x-amz-date'] ?? '';
    const payload = headers['x-amz-content-sha256'] ?? '';
    const token = headers['x-amz-security-token'];
    return { credential, date, names: names.split(';'), signature, payload, token, seconds: null };
  }
  if (searchParams.get('X-Amz-Algorithm') !== 'AWS4-HMAC-SHA256') return null;
  const seconds = Number(searchParams.get('X-Amz-Expires'));
  if (!(seconds >= 1 && seconds <= 604_800)) return null;
  return {
    credential: searchParams.get('X-Amz-Credential') ?? '',
    date: searchParams.get('X-Amz-Date') ?? '',
    names: (searchParams.get('X-Amz-SignedHeaders') ?? '').split(';'),
    signature: searchParams.get('X-Amz-Signature') ?? '',
    payload: 'UNSIGNED-PAYLOAD',
    token: searchParams.get('X-Amz-Security-Token') ?? undefined,
    seconds,
  };
}

function isTimely({ date, seconds }: Claim): boolean {
  const iso = date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z');
  const ageSeconds = (Date.now() - Date.parse(iso)) / 1_000;
  return ageSeconds > -900 && ageSeconds < (seconds ?? 900);
}

/** S3 wants the host and every header of its own signed. */
const unsignedHeaders = ({ headers }: Ask, names: readonly string[]): string[] =>
  ['host', ...Object.keys(headers).filter((name) => name.startsWith('x-amz-'))].filter((name) => !names.includes(name));

function signatureOf(ask: Ask, claim: Claim, keys: Keys, scope: string): string {
  const query = ask.rawQuery
    .split('&')
    .filter((pair) => pair !== '' && !pair.startsWith('X-Amz-Signature='))
    .map((pair) => (pair.includes('=') ? pair : `${pair}=`))
    .map((pair) => pair.split('=').map(recode).join('='))
    .sort();
  const lines = claim.names.map((name) => `${name}:${(ask.headers[name] ?? '').trim().replace(/\s+/g, ' ')}\n`);
  const path = ask.rawPath.split('/').map(recode).join('/');
  const request = [ask.method, path, query.join('&'), lines.join(''), claim.names.join(';'), claim.payload].join('\n');
  const text = ['AWS4-HMAC-SHA256', claim.date, scope, sha256(request)].join('\n');
  const key = scope
    .split('/')
    .reduce<string | Buffer>((secret, part) => hmac(secret, part), `AWS4${keys.secretAccessKey}`);
  return hmac(key, text).toString('hex');
}

const recode = (text: string): string =>
  encodeURIComponent(decodeURIComponent(text.replace(/\+/g, '%20'))).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );

const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();
const sha256 = (content: string | Buffer): string => createHash('sha256').update(content).digest('hex');

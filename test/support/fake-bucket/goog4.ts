import { createHash, createVerify, type KeyObject } from 'node:crypto';
import type { Ask } from '../fake-bucket.ts';

/** Why GCS would refuse a signed URL; null where its V4 signature is right. */
export function refusalOf(ask: Ask, email: string, publicKey: KeyObject): string | null {
  const { searchParams } = ask.url;
  const asked = (name: string): string => searchParams.get(`X-Goog-${name}`) ?? '';
  const names = asked('SignedHeaders').split(';');
  const [signer, ...scope] = asked('Credential').split('/');
  if (asked('Algorithm') !== 'GOOG4-RSA-SHA256' || signer !== email) return 'AuthenticationRequired';
  if (scope.join('/') !== `${asked('Date').slice(0, 8)}/auto/storage/goog4_request`) return 'InvalidArgument';
  if (!isTimely(asked('Date'), Number(asked('Expires')))) return 'ExpiredToken';
  const own = Object.keys(ask.headers).filter((name) => name.startsWith('x-goog-'));
  if (['host', ...own].some((name) => !names.includes(name))) return 'MalformedSecurityHeader';
  const text = ['GOOG4-RSA-SHA256', asked('Date'), scope.join('/'), ''].join('\n');
  // Google's SDK signs the host of an endpoint without its port, which is the same thing for the real service.
  const hosts = [ask.headers['host'] ?? '', (ask.headers['host'] ?? '').replace(/:\d+$/, '')];
  const isSigned = hosts.some((host) =>
    createVerify('RSA-SHA256')
      .update(text + sha256(canonicalRequest(ask, names, host)))
      .verify(publicKey, asked('Signature'), 'hex'),
  );
  return isSigned ? null : 'SignatureDoesNotMatch';
}

function isTimely(date: string, seconds: number): boolean {
  const iso = date.replace(/^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/, '$1-$2-$3T$4:$5:$6Z');
  const ageSeconds = (Date.now() - Date.parse(iso)) / 1_000;
  return seconds >= 1 && seconds <= 604_800 && ageSeconds > -900 && ageSeconds < seconds;
}

function canonicalRequest({ method, rawPath, rawQuery, headers }: Ask, names: readonly string[], host: string): string {
  const query = rawQuery
    .split('&')
    .filter((pair) => !pair.startsWith('X-Goog-Signature='))
    .sort()
    .join('&');
  const lines = names.map((name) => `${name}:${name === 'host' ? host : (headers[name] ?? '').trim()}\n`).join('');
  return [method, rawPath, query, lines, names.join(';'), 'UNSIGNED-PAYLOAD'].join('\n');
}

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');

import { importPKCS8 } from 'jose';
import { toHex } from '../core/hex.ts';
import { limits } from '../core/limits.ts';
import type { Digest, SignedUpload } from '../core/result-store.ts';
import { sha256Hex } from '../core/sha256.ts';
import { type GcsKey, uploadHeaders } from './gcs-object.ts';

/** Where an object is, for a URL that is signed. */
export interface GcsAddress {
  readonly endpoint: string;
  readonly bucket: string;
  readonly key: string;
}

/** Signs an upload under this digest's name: GCS refuses another length, and any bytes once the object is there. */
export async function signGcsPut(key: GcsKey, address: GcsAddress, digest: Digest): Promise<SignedUpload> {
  const headers = uploadHeaders(digest);
  const url = await signUrl(key, address, { method: 'PUT', headers, query: {}, seconds: limits.signedUploadSeconds });
  return { method: 'PUT', url, headers };
}

/** Signs a download that a browser saves and never runs. */
export function signGcsGet(key: GcsKey, address: GcsAddress): Promise<string> {
  const query = { 'response-content-disposition': 'attachment', 'response-content-type': 'application/json' };
  return signUrl(key, address, { method: 'GET', headers: {}, query, seconds: limits.signedDownloadSeconds });
}

interface Wanted {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  readonly seconds: number;
}

/** Google's V4 signature (GOOG4-RSA-SHA256) in the query. */
async function signUrl(key: GcsKey, { endpoint, ...object }: GcsAddress, wanted: Wanted): Promise<string> {
  const url = new URL(`${endpoint.replace(/\/+$/, '')}/${object.bucket}/${object.key}`);
  const headers = Object.entries({ ...wanted.headers, host: url.host }).toSorted(byName);
  const names = headers.map(([name]) => name).join(';');
  const date = new Date().toISOString().replace(/[:-]|\.\d{3}/g, '');
  const scope = `${date.slice(0, 8)}/auto/storage/goog4_request`;
  const query = canonicalQuery({
    ...wanted.query,
    'X-Goog-Algorithm': 'GOOG4-RSA-SHA256',
    'X-Goog-Credential': `${key.client_email}/${scope}`,
    'X-Goog-Date': date,
    'X-Goog-Expires': String(wanted.seconds),
    'X-Goog-SignedHeaders': names,
  });
  const lines = headers.map(([name, value]) => `${name}:${value}\n`).join('');
  const request = [wanted.method, url.pathname, query, lines, names, 'UNSIGNED-PAYLOAD'].join('\n');
  const text = ['GOOG4-RSA-SHA256', date, scope, await sha256Hex(request)].join('\n');
  return `${url.href}?${query}&X-Goog-Signature=${await sign(key, text)}`;
}

const byName = ([a]: [string, string], [b]: [string, string]): number => (a < b ? -1 : 1);

const canonicalQuery = (query: Record<string, string>): string =>
  Object.entries(query)
    .map(([name, value]): [string, string] => [percent(name), percent(value)])
    .toSorted(byName)
    .map((pair) => pair.join('='))
    .join('&');

const percent = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);

async function sign(key: GcsKey, text: string): Promise<string> {
  const privateKey = await importPKCS8(key.private_key, 'RS256');
  const signature = await crypto.subtle.sign('RSASSA-PKCS1-v1_5', privateKey, new TextEncoder().encode(text));
  return toHex(new Uint8Array(signature));
}

import { createHash } from 'node:crypto';
import type { Digest, ResultStore, SignedUpload } from '../core/result-store.ts';
import { type BucketOptions, bucketStore } from './bucket-store.ts';
import type { BucketWire } from './bucket-wire.ts';
import { type Body, cancelBody, lengthOf, readHead, toBody, toInit } from './fetch-body.ts';
import {
  type GcsKey,
  gcsFault,
  googleEndpoint,
  isEmulator,
  isKept,
  isMissingBucket,
  objectMetadata,
  toSight,
} from './gcs-object.ts';
import { signGcsGet, signGcsPut } from './gcs-sign.ts';
import { gcsTokens, type TokenSource } from './gcs-token.ts';

export interface GcsFetchStoreOptions extends BucketOptions {
  /** An emulator's, which is spoken to without credentials unless some are given; or a private one of Google's. */
  readonly endpoint?: string | undefined;
  /** A service account's key; without one, the account that the machine runs as. */
  readonly credentials?: GcsKey | undefined;
  readonly fetch?: typeof fetch | undefined;
}

/**
 * Keeps results in GCS by `fetch` alone: for workerd, where Google's SDK cannot download. Without a key there is nothing
 * to sign URLs with, and values pass through the app.
 */
export function gcsFetchStore(options: GcsFetchStoreOptions): ResultStore {
  const { bucket, credentials, endpoint = googleEndpoint } = options;
  const send = options.fetch ?? ((...call: Parameters<typeof fetch>) => fetch(...call));
  const isOpen = isEmulator(options.endpoint) && !credentials;
  const token: TokenSource = isOpen ? () => Promise.resolve(null) : gcsTokens(credentials, send);
  return bucketStore('gcs', options, {
    ...gcsFetchWire({ bucket, endpoint, token, send }),
    signPut: async (key, digest) =>
      credentials ? signGcsPut(credentials, { endpoint, bucket, key }, digest) : throughApp,
    signGet: async (key) => (credentials ? signGcsGet(credentials, { endpoint, bucket, key }) : null),
  });
}

/** What a store that cannot sign says: send it to the app's own upload route. */
export const throughApp: SignedUpload = { method: 'PUT', url: null, headers: {} };

interface GcsConnection {
  readonly bucket: string;
  readonly endpoint: string;
  readonly token: TokenSource;
  readonly send: typeof fetch;
}

/** The calls of GCS's JSON API; signing is left to the stores. */
export function gcsFetchWire(connection: GcsConnection): Omit<BucketWire, 'signPut' | 'signGet'> {
  const objects = `${connection.endpoint.replace(/\/+$/, '')}/storage/v1/b/${connection.bucket}/o`;
  const uploads = objects.replace('/storage/v1/b/', '/upload/storage/v1/b/');

  async function call(
    method: string,
    url: string,
    signal: AbortSignal,
    extra: { headers?: Record<string, string>; body?: Body } = {},
  ) {
    const token = await connection.token(signal);
    const headers = { ...extra.headers, ...(token !== null && { authorization: `Bearer ${token}` }) };
    return connection.send(url, { method, headers, redirect: 'manual', signal, ...toInit(extra.body) });
  }

  const urlOf = (key: string, query: string) => `${objects}/${encodeURIComponent(key)}?${query}`;

  return {
    async create(key, digest, bytes, signal) {
      const { body, headers } = related(key, digest, bytes);
      const url = `${uploads}?uploadType=multipart&ifGenerationMatch=0`;
      const answer = await call('POST', url, signal, { headers, body });
      if (answer.status !== 409 && answer.status !== 412) await accept(answer);
      if (answer.ok) return isKept(await answer.json().catch(() => null), digest) ? 'kept' : 'told';
      cancelBody(answer);
      return 'taken';
    },
    async look(key, signal) {
      const answer = await call('GET', urlOf(key, 'fields=size,metadata'), signal);
      if (!(await accept(answer, 'absent'))) return null;
      return toSight(await answer.json());
    },
    async get(key, signal) {
      const answer = await call('GET', urlOf(key, 'alt=media'), signal, { headers: { 'accept-encoding': 'identity' } });
      if (!(await accept(answer, 'absent')) || !answer.body) return null;
      return { bytes: lengthOf(answer), pieces: answer.body.getReader() };
    },
    async remove(key, signal) {
      const answer = await call('DELETE', urlOf(key, ''), signal);
      if (await accept(answer, 'absent')) cancelBody(answer);
    },
  };
}

/** False where the answer says that there is no such object, if that may be; what else is no success is thrown. */
async function accept(answer: Response, may?: 'absent'): Promise<boolean> {
  if (answer.ok) return true;
  const text = await readHead(answer);
  if (may === 'absent' && answer.status === 404 && !isMissingBucket(404, text)) return false;
  throw gcsFault(answer.status, text);
}

/** Description and content in one request, which is how an object gets its metadata at its birth. */
function related(key: string, digest: Digest, content: Uint8Array | ReadableStream<Uint8Array>) {
  const isWhole = content instanceof Uint8Array;
  // Of a whole value GCS verifies the MD5; a stream is verified by us, before its last piece is sent.
  const md5Hash = isWhole && { md5Hash: createHash('md5').update(content).digest('base64') };
  const json = JSON.stringify({ ...objectMetadata(key, digest), ...md5Hash });
  const boundary = `mobula-${crypto.randomUUID()}`;
  const type = 'content-type: application/json';
  const before = encode(`--${boundary}\r\n${type}\r\n\r\n${json}\r\n--${boundary}\r\n${type}\r\n\r\n`);
  const after = encode(`\r\n--${boundary}--`);
  const bytes = before.byteLength + digest.bytes + after.byteLength;
  const parts = isWhole ? new Blob([before, content as Uint8Array<ArrayBuffer>, after]) : null;
  const body =
    parts ?? toBody(ReadableStream.from(enclose(before, content as ReadableStream<Uint8Array>, after)), bytes);
  const headers = { 'content-type': `multipart/related; boundary=${boundary}`, 'content-length': String(bytes) };
  return { headers, body };
}

const encode = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);

async function* enclose(before: Uint8Array, content: ReadableStream<Uint8Array>, after: Uint8Array) {
  yield before;
  yield* content;
  yield after;
}

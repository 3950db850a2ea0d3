import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { gcsStore } from '../../src/results/gcs.ts';
import { gcsFetchStore } from '../../src/results/gcs-fetch.ts';
import { s3Store } from '../../src/results/s3.ts';
import { adapters, gcs, s3 } from './adapters.ts';
import { freshValue, streamOf } from './conformance.ts';

const home = mkdtempSync(join(tmpdir(), 'mobula-home-'));
beforeAll(() => Promise.all([s3.start(), gcs.start()]));
afterAll(() => Promise.all([s3.close(), gcs.close()]));
afterAll(() => rmSync(home, { recursive: true }));

beforeEach(() => {
  gcs.reset();
  s3.reset();
  // A machine with nothing on it that an SDK could find.
  vi.stubEnv('HOME', home);
  vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
  vi.stubEnv('METADATA_SERVER_DETECTION', 'none');
  for (const name of Object.keys(process.env)) {
    if (/^(AWS_(ACCESS|SECRET|SESSION|PROFILE|REGION)|GOOGLE_|GCLOUD_|CLOUDSDK_)/.test(name))
      vi.stubEnv(name, undefined);
  }
});
afterEach(() => vi.unstubAllEnvs());

const pem = { type: 'pkcs8', format: 'pem' } as const;
const strangersKey = String(generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey.export(pem));

const place = { bucket: 'results', prefix: 'mobula/results', timeoutMs: 10_000 };

describe('a bucket that is looked at before it is used', () => {
  test.each(adapters)('is known to be missing, by $name', async ({ make }) => {
    expect(await make({ bucket: 'nowhere' }).check()).toEqual([
      expect.stringMatching(/^MOBULA_RESULT_STORAGE_(S3|GCS)_BUCKET: there is no bucket nowhere$/),
    ]);
  });

  test.each(adapters)('is left as it was, by $name', async ({ fake, make }) => {
    expect(await make().check()).toEqual([]);
    expect(fake.objects.size).toBe(0);
  });

  test('is not asked for anything without credentials', async () => {
    const endpoint = s3.url;
    expect(await s3Store({ ...place, endpoint, region: s3.region }).check()).toEqual([
      expect.stringMatching(/^There are no credentials for S3: set AWS_ACCESS_KEY_ID/),
    ]);
    expect(await gcsStore(place).check()).toEqual([
      expect.stringMatching(/^There are no credentials for GCS: set GOOGLE_APPLICATION_CREDENTIALS/),
    ]);
    expect(s3.ledger).toEqual([]);
  });

  test('needs a region, which may come from the environment', async () => {
    const options = { ...place, endpoint: s3.url, credentials: s3.keys };
    expect(await s3Store(options).check()).toEqual([expect.stringMatching(/_S3_REGION or AWS_REGION$/)]);
    vi.stubEnv('AWS_REGION', s3.region);
    expect(await s3Store(options).check()).toEqual([]);
  });

  test.each([
    ['another secret', { ...s3.keys, secretAccessKey: 'canary-other' }, 'SignatureDoesNotMatch'],
    ['an unknown key', { ...s3.keys, accessKeyId: 'AKIDOTHER' }, 'InvalidAccessKeyId'],
  ])('says what is wrong with %s', async (_, credentials, word) => {
    const problems = await s3Store({ ...place, endpoint: s3.url, region: s3.region, credentials }).check();
    // A HEAD has no words; what is written has.
    expect(problems).toEqual([expect.stringContaining(`HTTP 403 (${word})`)]);
    expect(problems.join()).not.toContain('canary');
  });

  test.each([
    ['its SDK', gcsStore],
    ['fetch', gcsFetchStore],
  ])('says that a key of GCS is not accepted, by %s', async (_, make) => {
    const credentials = { ...gcs.key, private_key: strangersKey };
    const tokenFetch: typeof fetch = (_url, options) => fetch(`${gcs.url}/token`, options);
    const problems = await make({ ...place, endpoint: gcs.url, credentials, tokenFetch }).check();
    expect(problems).toEqual([expect.stringMatching(/^MOBULA_RESULT_STORAGE_GCS_BUCKET: .*token service/)]);
  });
});

test('S3 credentials come from the environment unless they are given, for calls and for signed URLs', async () => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', s3.keys.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', s3.keys.secretAccessKey);
  vi.stubEnv('AWS_SESSION_TOKEN', s3.keys.sessionToken);
  vi.stubEnv('AWS_ENDPOINT_URL', 'http://127.0.0.1:9');
  const store = s3Store({ ...place, endpoint: s3.url, region: s3.region });
  const value = freshValue();
  await store.put(value.digest, value.bytes);
  const url = (await store.signDownload(store.reference(value.digest))) ?? '';
  expect((await fetch(url)).status).toBe(200);
});

describe('an emulator of GCS', () => {
  test.each([
    ['its SDK', gcsStore],
    ['fetch', gcsFetchStore],
  ])('is spoken to without a token, and values pass through the app, by %s', async (_, make) => {
    gcs.isOpen = true;
    const store = make({ ...place, endpoint: gcs.url });
    const value = freshValue();
    expect(await store.signUpload(value.digest)).toEqual({ method: 'PUT', url: null, headers: {} });
    expect(await store.putStream(value.digest, streamOf(value.bytes))).toBe(true);
    expect(await store.signDownload(store.reference(value.digest))).toBeNull();
    expect(await store.read(store.reference(value.digest), 1_000)).toMatchObject({ kind: 'found' });
    expect(gcs.ledger.every(({ headers }) => headers['authorization'] === undefined)).toBe(true);
    gcs.isOpen = false;
  });
});

describe('tokens of GCS', () => {
  const tokenCalls = () => gcs.ledger.filter(({ url }) => url.pathname === '/token').length;

  test('are asked for once and used until shortly before their end', async () => {
    const store = gcsFetchStore({ ...place, endpoint: gcs.url, credentials: gcs.key });
    for (let times = 0; times < 3; times += 1) await store.has(freshValue().digest);
    expect(tokenCalls()).toBe(1);
  });

  test('are renewed a minute before their end', async () => {
    gcs.tokenSeconds = 59;
    const store = gcsFetchStore({ ...place, endpoint: gcs.url, credentials: gcs.key });
    for (let times = 0; times < 3; times += 1) await store.has(freshValue().digest);
    expect(tokenCalls()).toBe(3);
    gcs.tokenSeconds = 3_600;
  });

  test('come from the machine where there is no key, and values pass through the app then', async () => {
    const asked: string[] = [];
    /** Google's own addresses, led to the fake. */
    const atGoogle: typeof fetch = async (input, options) => {
      const url = new URL(String(input));
      asked.push(url.host);
      if (url.host !== 'metadata.google.internal') return fetch(`${gcs.url}${url.pathname}${url.search}`, options);
      expect(new Headers(options?.headers).get('metadata-flavor')).toBe('Google');
      gcs.tokens.add('canary-of-the-machine');
      return Response.json({ access_token: 'canary-of-the-machine', expires_in: 3_600, token_type: 'Bearer' });
    };
    const store = gcsFetchStore({ ...place, fetch: atGoogle });
    const value = freshValue();
    await store.put(value.digest, value.bytes);
    expect(await store.has(value.digest)).toBe(true);
    expect(await store.signUpload(value.digest)).toMatchObject({ url: null });
    expect(asked.filter((host) => host === 'metadata.google.internal')).toHaveLength(1);
    expect(new Set(asked)).toEqual(new Set(['metadata.google.internal', 'storage.googleapis.com']));
  });

  test('are missed by name on a machine that has none', async () => {
    const nowhere: typeof fetch = () => Promise.reject(new TypeError('fetch failed'));
    expect(await gcsFetchStore({ ...place, fetch: nowhere }).check()).toEqual([
      expect.stringMatching(/^There are no credentials for GCS/),
    ]);
  });
});

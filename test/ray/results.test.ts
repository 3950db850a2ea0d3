import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { AwsClient } from 'aws4fetch';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ensureStores, type Stores, startStores } from '../../infra/local/stores.ts';
import { migrate } from '../../src/db/migrate.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import type { Trouble } from '../support/fake-bucket/trouble.ts';
import { FakeGcs } from '../support/fake-gcs.ts';
import { FakeS3 } from '../support/fake-s3.ts';
import { describeWithRay } from '../support/ray-cluster.ts';
import { openRealGcs, openRealS3 } from '../support/real-buckets.ts';
import { type Server, startServer, token } from '../support/server.ts';

const support = join(import.meta.dirname, '../support');
const deployment = join(support, 'deployment');
const fiveMiB = 5 * 1_048_576;
const nineMiB = 9 * 1_048_576;

/** The JSON of `large_task`'s value, and where contract §6 has it kept. */
function expected(bytes: number, bucket: string) {
  const text = JSON.stringify('x'.repeat(bytes));
  const sha256 = createHash('sha256').update(text).digest('hex');
  const key = `mobula/results/${sha256.slice(0, 2)}/${sha256.slice(2, 4)}/${sha256}.json`;
  return { text, sha256, reference: `${bucket}/${key}?bytes=${text.length}` };
}

/** A bucket of somebody's, as the server is told of it and as a test sees into it. */
interface Bucket {
  readonly address: string;
  readonly env: Record<string, string>;
  /** The status of asking for an object by its key, past the app. */
  statusOf(key: string): Promise<number>;
}

const awsKeys = (id: string, secret: string) => ({ AWS_ACCESS_KEY_ID: id, AWS_SECRET_ACCESS_KEY: secret });

async function openS3(url: string): Promise<Bucket> {
  await openRealS3(`${url.replace('://', '://test:test@')}/ray-results`);
  const env = {
    MOBULA_RESULT_STORAGE_BACKEND: 's3',
    MOBULA_RESULT_STORAGE_S3_BUCKET: 'ray-results',
    MOBULA_RESULT_STORAGE_S3_REGION: 'us-east-1',
    MOBULA_RESULT_STORAGE_S3_ENDPOINT_URL: url,
    ...awsKeys('test', 'test'),
  };
  const client = new AwsClient({ accessKeyId: 'test', secretAccessKey: 'test', service: 's3', region: 'us-east-1' });
  const statusOf = async (key: string) =>
    (await client.fetch(`${url}/ray-results/${key}`, { method: 'HEAD', aws: { allHeaders: true } })).status;
  return { address: 's3://ray-results', env, statusOf };
}

const gcsEnv = (url: string, bucket: string) => ({
  MOBULA_RESULT_STORAGE_BACKEND: 'gcs',
  MOBULA_RESULT_STORAGE_GCS_BUCKET: bucket,
  MOBULA_RESULT_STORAGE_GCS_ENDPOINT_URL: url,
});

async function statusInGcs(url: string, bucket: string, key: string): Promise<number> {
  const answer = await fetch(`${url}/storage/v1/b/${bucket}/o/${encodeURIComponent(key)}`);
  await answer.body?.cancel();
  return answer.status;
}

async function openGcs(url: string): Promise<Bucket> {
  await openRealGcs(`${url}/ray-results`);
  const statusOf = (key: string) => statusInGcs(url, 'ray-results', key);
  return { address: 'gs://ray-results', env: gcsEnv(url, 'ray-results'), statusOf };
}

/** A GCS that wants a token and signatures, for a server that has a service account's key file. */
async function openGcsWithKey(fake: FakeGcs, folder: string): Promise<Bucket> {
  await fake.start();
  const keyFile = join(folder, 'key.json');
  await writeFile(keyFile, JSON.stringify({ type: 'service_account', project_id: 'results', ...fake.key }));
  const env = {
    ...gcsEnv(fake.url, fake.bucket),
    GOOGLE_APPLICATION_CREDENTIALS: keyFile,
    GOOGLE_AT_HOME: fake.url,
    NODE_OPTIONS: `--import=${pathToFileURL(join(support, 'google-at-home.mjs'))}`,
  };
  const statusOf = async (key: string) => (fake.objects.has(key) ? 200 : 404);
  return { address: `gs://${fake.bucket}`, env, statusOf };
}

/** The strict fakes stand in where this machine cannot have the servers from PyPI. */
async function openFake(fake: FakeS3 | FakeGcs): Promise<Bucket> {
  await fake.start();
  const statusOf = async (key: string) => (fake.objects.has(key) ? 200 : 404);
  if (fake instanceof FakeS3) return { address: `s3://${fake.bucket}`, env: fake.settings, statusOf };
  fake.isOpen = true;
  return { address: `gs://${fake.bucket}`, env: gcsEnv(fake.url, fake.bucket), statusOf };
}

const missing = await ensureStores((line) => process.stderr.write(`${line}\n`));

await describeWithRay('Results by reference from a real Ray', (ray) => {
  let stores: Stores | undefined;
  const fakes: (FakeS3 | FakeGcs)[] = [];
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'mobula-results-'));
    if (!missing) stores = await startStores();
  });
  afterAll(async () => {
    await rm(folder, { recursive: true });
    await stores?.stop();
    await Promise.all(fakes.map((fake) => fake.close()));
  });

  const fakeOf = <Fake extends FakeS3 | FakeGcs>(fake: Fake): Fake => {
    fakes.push(fake);
    return fake;
  };

  /** A server on a database of its own, with what a test does to it. */
  async function deploy(env: Record<string, string>) {
    const database: TestDatabase = await createDatabase();
    await migrate(database.url);
    const server: Server = await startServer({
      DATABASE_URL: database.url,
      RAY_ADDRESS: ray.url,
      MOBULA_RESULT_GRACE_SECONDS: '1',
      MOBULA_RETRY_BACKOFF_SECONDS: '1',
      MOBULA_MAX_TASK_ATTEMPTS: '1',
      ...env,
    });
    return {
      server,
      async enqueue(bytes: number, task = 'large_task'): Promise<string> {
        const { json } = await server.call('POST', '/tasks', { task, input: { bytes } });
        return json.task.id;
      },
      /** Drives it as a cron would, until it is final. */
      async finish(id: string, seconds = 60) {
        for (const end = performance.now() + seconds * 1_000; performance.now() < end; await sleep(100)) {
          await server.call('POST', '/run', {}, { prefer: 'wait=1' });
          const { json } = await server.call('GET', `/executions/${id}`);
          if (json.task.poll_after_ms === null) return json.task;
        }
        throw new Error(`The execution ${id} did not end in time. ${server.log()}`);
      },
      async close() {
        await server.stop();
        await database.drop();
      },
    };
  }

  /** As a browser would be sent on, but one step at a time. */
  const askForResult = ({ url }: Server, id: string) =>
    fetch(`${url}/executions/${id}/result`, { headers: { authorization: `Bearer ${token}` }, redirect: 'manual' });

  describe.each([
    { name: 'S3', signs: true, open: () => (stores ? openS3(stores.s3Url) : openFake(fakeOf(new FakeS3()))) },
    { name: 'GCS', signs: false, open: () => (stores ? openGcs(stores.gcsUrl) : openFake(fakeOf(new FakeGcs()))) },
    { name: 'GCS with a key', signs: true, open: () => openGcsWithKey(fakeOf(new FakeGcs()), folder) },
  ])('in $name', ({ signs, open }) => {
    let bucket: Bucket;
    let app: Awaited<ReturnType<typeof deploy>>;
    const ids: Record<number, string> = {};

    beforeAll(async () => {
      bucket = await open();
      app = await deploy(bucket.env);
      for (const bytes of [fiveMiB, nineMiB]) ids[bytes] = await app.enqueue(bytes);
    });
    afterAll(() => app?.close());

    const keyOf = (reference: string) => new URL(reference).pathname.slice(1);

    test('a value of five MiB is kept by reference and read back equal through the app', async () => {
      const { text, sha256, reference } = expected(fiveMiB, bucket.address);
      const task = await app.finish(ids[fiveMiB] ?? '');
      expect(task).toMatchObject({ state: 'SUCCEEDED', attempt: 1, result_state: 'stored', result_bytes: text.length });
      expect(task).toMatchObject({ result_reference: reference, result_sha256: sha256 });
      expect(await bucket.statusOf(keyOf(reference))).toBe(200);
      const answer = await askForResult(app.server, task.id);
      expect(answer.status).toBe(200);
      expect((await answer.text()) === text).toBe(true);
    });

    test(`a value of nine MiB is ${signs ? 'given out by the store itself' : 'streamed'}, equal`, async () => {
      const { text, sha256 } = expected(nineMiB, bucket.address);
      const task = await app.finish(ids[nineMiB] ?? '');
      expect(task).toMatchObject({ state: 'SUCCEEDED', result_state: 'stored' });
      const answer = await askForResult(app.server, task.id);
      expect(answer.status).toBe(signs ? 303 : 200);
      const given = signs ? await fetch(answer.headers.get('location') ?? '') : answer;
      expect((await given.text()) === text).toBe(true);
      if (!signs) return;
      const digest = Buffer.from(sha256, 'hex').toString('base64');
      expect(answer.headers.get('repr-digest')).toBe(`sha-256=:${digest}:`);
      expect(answer.headers.get('x-result-bytes')).toBe(String(text.length));
    });

    test('a purge takes the objects with their executions', async () => {
      const keys = [fiveMiB, nineMiB].map((bytes) => keyOf(expected(bytes, bucket.address).reference));
      expect(await Promise.all(keys.map(bucket.statusOf))).toEqual([200, 200]);
      const { server } = app;
      expect((await server.call('DELETE', `/executions/${ids[nineMiB]}`)).status).toBe(204);
      const { json } = await server.call('POST', '/purge', { days: 0, task: 'large_task' });
      expect(json).toMatchObject({ deleted: 1, results_deleted: 1 });
      expect(await Promise.all(keys.map(bucket.statusOf))).toEqual([404, 404]);
    });
  });

  describe('in an S3 that fails', () => {
    const fake = fakeOf(new FakeS3());
    let app: Awaited<ReturnType<typeof deploy>>;
    beforeAll(async () => {
      await fake.start();
      const runtimeEnv = { env_vars: { PYTHONPATH: deployment } };
      app = await deploy({
        ...fake.settings,
        MOBULA_TASKS: join(deployment, 'tasks.ts'),
        MOBULA_RAY_RUNTIME_ENV: JSON.stringify(runtimeEnv),
      });
    });
    afterAll(() => app?.close());

    test('a store that never answers costs the value and not the task, in three waits of the driver', async () => {
      fake.reset();
      fake.cause('hang', { method: 'PUT', times: Infinity });
      const startedAt = performance.now();
      const task = await app.finish(await app.enqueue(2_000_000, 'impatient'), 30);
      expect(performance.now() - startedAt).toBeLessThan(30_000);
      expect(task).toMatchObject({ state: 'SUCCEEDED', attempt: 1, result_state: 'digest_only' });
      expect(fake.ledger.filter(({ method }) => method === 'PUT')).toHaveLength(3);
      const { json } = await app.server.call('GET', `/executions/${task.id}/result`);
      expect(json).toMatchObject({ reason: 'the result store was out of reach (TimeoutError)' });
    });

    const troubles: [title: string, method: string, trouble: Trouble, reason: string][] = [
      ['breaks every connection off', '*', 'drop', 'the result store was out of reach (RemoteDisconnected)'],
      ['refuses uploads', 'PUT', '403', 'the result store answered HTTP 403'],
      ['says that it kept what it did not', 'PUT', 'lost', 'the result store has not kept the value (HTTP 422)'],
      [
        'takes a value and then cannot be asked for it',
        'HEAD',
        '503',
        'The S3 bucket results answered HTTP 503 (Unknown).',
      ],
    ];
    test.each(troubles)('a store that %s costs the value and not the task', async (_, method, trouble, reason) => {
      fake.reset();
      fake.cause(trouble, { method, times: Infinity });
      const startedAt = performance.now();
      const task = await app.finish(await app.enqueue(2_000_000), 30);
      expect(performance.now() - startedAt).toBeLessThan(30_000);
      expect(task).toMatchObject({ state: 'SUCCEEDED', attempt: 1, result_state: 'digest_only' });
      const { sha256, text } = expected(2_000_000, '');
      expect(task).toMatchObject({ result_sha256: sha256, result_bytes: text.length });
      const { status, json } = await app.server.call('GET', `/executions/${task.id}/result`);
      expect(status).toBe(410);
      expect(json).toMatchObject({ code: 'digest_only', sha256, reason });
    });
  });
});

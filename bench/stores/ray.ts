import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startPostgres } from '../../infra/local/postgres.ts';
import { ensureRay, startRay } from '../../infra/local/ray.ts';
import { migrate } from '../../src/db/migrate.ts';
import { type Server, startServer, token } from '../../test/support/server.ts';

const bytes = 200_000_000;
/** What the server may grow by, in MB. See stores.md for what of it is the collector's. */
const growthMax = 100;

const say = (line: string) => process.stderr.write(`${line}\n`);

/** The peak since it was last forgotten, as Linux has it for a program alone. */
function peakMegabytes(pid: number): number {
  const [, kilobytes] = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kilobytes) / 1_024;
}

/** From now on the peak is counted anew, beginning with what there is now. */
const forgetPeak = (pid: number) => writeFileSync(`/proc/${pid}/clear_refs`, '5');

const missing = await ensureRay(say);
if ('missing' in missing) throw new Error(missing.missing);
const [postgres, ray] = await Promise.all([startPostgres(), startRay({ cpus: 1 })]);
await migrate(postgres.url());
const folder = mkdtempSync(join(tmpdir(), 'mobula-bench-'));
const buckets = fork(join(import.meta.dirname, 'buckets.ts'));
const [{ s3, gcs }] = await once(buckets, 'message');

const settings = {
  filesystem: { MOBULA_RESULT_STORAGE_FILESYSTEM_PATH: folder },
  s3: {
    MOBULA_RESULT_STORAGE_S3_BUCKET: s3.bucket,
    MOBULA_RESULT_STORAGE_S3_REGION: s3.region,
    MOBULA_RESULT_STORAGE_S3_ENDPOINT_URL: s3.endpoint,
    AWS_ACCESS_KEY_ID: s3.credentials.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.credentials.secretAccessKey,
    AWS_SESSION_TOKEN: s3.credentials.sessionToken,
  },
  gcs: { MOBULA_RESULT_STORAGE_GCS_BUCKET: gcs.bucket, MOBULA_RESULT_STORAGE_GCS_ENDPOINT_URL: gcs.endpoint },
};
const ways = {
  filesystem: 'through the app, both ways',
  gcs: 'through the app, both ways: an emulator signs nothing',
  s3: 'straight to the store, and from it',
};

function serve(backend: keyof typeof settings): Promise<Server> {
  return startServer({
    DATABASE_URL: postgres.url(),
    RAY_ADDRESS: ray.url,
    MOBULA_RESULT_GRACE_SECONDS: '1',
    MOBULA_RESULT_STORAGE_BACKEND: backend,
    ...settings[backend],
  });
}

/** Makes a value of so many bytes on Ray and waits until its task is final. */
async function make(server: Server, length: number) {
  const { json } = await server.call('POST', '/tasks', { task: 'large_task', input: { bytes: length } });
  const { id } = json.task;
  for (;;) {
    await server.call('POST', '/run', {}, { prefer: 'wait=30' });
    const { json: found } = await server.call('GET', `/executions/${id}`);
    if (found.task.poll_after_ms === null) return found.task;
  }
}

/** The SHA-256 of what a reader of the result gets, wherever he is sent on to. */
async function readBack({ url }: Server, id: string): Promise<string> {
  const headers = { authorization: `Bearer ${token}` };
  const answer = await fetch(`${url}/executions/${id}/result`, { headers, redirect: 'manual' });
  const given = answer.status === 303 ? await fetch(answer.headers.get('location') ?? '') : answer;
  const hash = createHash('sha256');
  for await (const piece of given.body ?? []) hash.update(piece);
  return hash.digest('hex');
}

/** One value from a driver into the store and back out through the app, and what that did to the server's memory. */
async function measure(backend: keyof typeof settings): Promise<string> {
  const server = await serve(backend);
  await readBack(server, (await make(server, 2_000_000)).id); // Everything is loaded then.
  forgetPeak(server.pid);
  const before = peakMegabytes(server.pid);
  const task = await make(server, bytes);
  const sent = peakMegabytes(server.pid) - before;
  const isEqual = task.result_bytes === bytes + 2 && (await readBack(server, task.id)) === task.result_sha256;
  const growth = peakMegabytes(server.pid) - before;
  await server.stop();
  if (task.result_state !== 'stored' || !isEqual) throw new Error(`${backend}: ${JSON.stringify(task)}`);
  if (growth > growthMax) throw new Error(`${backend}: the server grew by ${growth.toFixed(0)} MB.`);
  const cells = [backend, ways[backend], before.toFixed(0), sent.toFixed(0), growth.toFixed(0)];
  say(cells.join(' '));
  return `| ${cells.join(' | ')} |`;
}

/** Seconds until a task has succeeded whose store takes the value and never answers. */
async function measureHang(): Promise<string> {
  const server = await serve('s3');
  buckets.send('hang');
  const from = performance.now();
  const task = await make(server, 3_000_000);
  await server.stop();
  if (task.state !== 'SUCCEEDED' || task.result_state !== 'digest_only') throw new Error(JSON.stringify(task));
  return ((performance.now() - from) / 1_000).toFixed(0);
}

try {
  const rows = [await measure('filesystem'), await measure('gcs'), await measure('s3')];
  const text = `# A result of 200 MB from a real Ray

Written by \`bench/stores/ray.ts\` on ${new Date().toISOString().slice(0, 10)}, Node ${process.version}: a driver makes a value of ${bytes / 1_000_000} MB, it is
kept by reference and read back through \`GET /executions/:id/result\`, equal. Resident memory in MB of the server's process:
after a value of 2 MB had gone the same way, and by how much its peak was above that when the large one had come in and
had gone out.

| store | the bytes go | before | in | in and out |
| --- | --- | --- | --- | --- |
${rows.join('\n')}

A store that takes a value and never answers costs the value and not the task: SUCCEEDED with \`digest_only\` after ${await measureHang()} s,
which is three waits of the driver for a minute each.
`;
  writeFileSync(join(import.meta.dirname, '../stores-ray.md'), text);
  process.stdout.write(text);
} finally {
  buckets.disconnect();
  await Promise.all([ray.stop(), postgres.stop()]);
  rmSync(folder, { recursive: true });
}

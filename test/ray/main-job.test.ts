import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { migrate } from '../../src/db/migrate.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { describeWithRay } from '../support/ray-cluster.ts';
import { type RayProxy, startRayProxy } from '../support/ray-proxy.ts';
import { type Server, startServer } from '../support/server.ts';

const deployment = join(import.meta.dirname, '../support/deployment');

await describeWithRay('The main job on a real Ray', (ray) => {
  let database: TestDatabase;
  let folder: string;
  let proxy: RayProxy;
  let server: Server;

  const environment = () => ({
    DATABASE_URL: database.url,
    RAY_ADDRESS: proxy.url,
    MOBULA_TASKS: join(deployment, 'tasks.ts'),
    MOBULA_RAY_RUNTIME_ENV: JSON.stringify({ env_vars: { PYTHONPATH: deployment, OF_THE_DEPLOYMENT: 'deployment' } }),
    MOBULA_DEFAULT_CONCURRENCY: '20',
    MOBULA_RETRY_BACKOFF_SECONDS: '1',
    MOBULA_WORKER_LEASE_SECONDS: '3',
    MOBULA_WORKER_HEARTBEAT_SECONDS: '1',
    MOBULA_STUCK_TASK_TIMEOUT_SECONDS: '60',
    MOBULA_RESULT_GRACE_SECONDS: '1',
    MOBULA_RESULT_STORAGE_BACKEND: 'filesystem',
    MOBULA_RESULT_STORAGE_FILESYSTEM_PATH: join(folder, 'results'),
  });

  beforeAll(async () => {
    database = await createDatabase();
    await migrate(database.url);
    folder = await mkdtemp(join(tmpdir(), 'mobula-ray-test-'));
    proxy = await startRayProxy(ray.url);
    server = await startServer(environment());
  });

  afterAll(async () => {
    await server?.stop();
    await proxy?.close();
    await database?.drop();
    await rm(folder, { recursive: true, force: true });
  });

  const enqueue = async (task: string, input: unknown, options = {}): Promise<string> => {
    const { status, json } = await server.call('POST', '/tasks', { task, input, ...options });
    expect(status).toBe(201);
    return json.task.id;
  };

  const run = (waitSeconds: number) => server.call('POST', '/run', {}, { prefer: `wait=${waitSeconds}` });

  /** Drives it as a cron would, until it is final. */
  const finish = async (id: string, seconds = 60) => {
    const end = performance.now() + seconds * 1_000;
    while (performance.now() < end) {
      await run(1);
      await sleep(200);
      const { json } = await server.call('GET', `/executions/${id}`);
      if (json.task.poll_after_ms === null) return json.task;
    }
    throw new Error(`The execution ${id} did not end in time. ${server.log()}`);
  };

  const marks = async (path: string) => (await readFile(path, 'utf8')).trim().split('\n').length;

  test('one run takes twenty tasks to their right values', async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, (_, n) => enqueue('add_numbers', { a: n, b: 1 })));
    const { json } = await run(60);
    expect(json).toMatchObject({ processed: 20, submitted: 20, ray: 'ok' });
    const tasks = await Promise.all(ids.map(async (id) => (await server.call('GET', `/status/${id}`)).json.task));
    expect(tasks.map(({ state, result }) => [state, result])).toEqual(ids.map((_, n) => ['SUCCEEDED', n + 1]));
  });

  test('twenty that share jobs take two, and each has its own value', async () => {
    const before = proxy.submissions.length;
    const tasks = Array.from({ length: 20 }, (_, n) => ({ task: 'add_together', input: { a: n, b: 1 } }));
    const { json } = await server.call('POST', '/tasks/batch', { tasks });
    const ids: string[] = json.tasks.map(({ task }: { task: { id: string } }) => task.id);
    const ended = await Promise.all(ids.map((id) => finish(id)));
    expect(ended.map(({ state, result, attempt }) => [state, result, attempt])).toEqual(
      ids.map((_, n) => ['SUCCEEDED', n + 1, 1]),
    );
    expect(proxy.submissions.length - before).toBe(2);
    const log = await server.call('GET', `/executions/${ids[0]}/logs`);
    expect(log.json.log).toContain(`1 of 10: http`);
    expect(log.json.ray_job_id).toBe(ended[9].ray.job_id);
  });

  test('arguments arrive byte for byte', async () => {
    const value = `'"\`$(touch /tmp/x) \\ \n\t; | & 🦈 ${'ä'.repeat(100_000)}`;
    const text = `{"z":${JSON.stringify(value)},"a":9007199254740993,"1":[1.0,-0.0,1e5]}`;
    const body = `{"task":"echo_task","input":{"value":${text}}}`;
    const { json } = await server.call('POST', '/tasks', body);
    await finish(json.task.id);
    const result = await server.call('GET', `/executions/${json.task.id}/result`);
    expect(result.text).toBe(text.replace('1e5', '100000.0'));
  });

  test('a list becomes positional arguments, and a coroutine is awaited', async () => {
    const task = await finish(await enqueue('join', ['a', 'b', 'c']));
    expect(task).toMatchObject({ state: 'SUCCEEDED', result: 'abc' });
  });

  test("the task's and the deployment's runtime environments reach user code, our secrets do not", async () => {
    const ofTask = await finish(await enqueue('look', { variable: 'OF_THE_TASK' }));
    expect(ofTask.result).toMatchObject({ variable: 'task', attempt: 1, cancelled: false });
    expect(ofTask.progress).toEqual({ looking: true });
    expect(ofTask.result.secrets).not.toContain('MOBULA_CAPABILITY');
    const ofDeployment = await finish(await enqueue('look', { variable: 'OF_THE_DEPLOYMENT' }));
    expect(ofDeployment.result.variable).toBe('deployment');
  });

  test('a Python exception is kept with type, message and traceback, and the task is retried', async () => {
    const task = await finish(await enqueue('failing_task', { message: 'no "luck"' }, { max_attempts: 2 }));
    expect(task).toMatchObject({ state: 'FAILED', attempt: 2, error: { type: 'ValueError', message: 'no "luck"' } });
    expect(task.error.traceback).toContain('raise ValueError(message)');
    expect(task.attempts.map(({ state }: { state: string }) => state)).toEqual(['FAILED', 'FAILED']);
    expect(new Set(task.attempts.map(({ ray_job_id }: { ray_job_id: string }) => ray_job_id)).size).toBe(2);
  });

  test('a large value goes to the store, is read back whole, and is purged with its execution', async () => {
    const task = await finish(await enqueue('large_task', { bytes: 5_242_880 }));
    expect(task).toMatchObject({ state: 'SUCCEEDED', result_state: 'stored', result_bytes: 5_242_882 });
    expect('result' in task).toBe(false);
    const { text } = await server.call('GET', `/executions/${task.id}/result`);
    expect(text).toBe(JSON.stringify('x'.repeat(5_242_880)));
    const { json } = await server.call('POST', '/purge', { days: 0, task: 'large_task' });
    expect(json).toMatchObject({ deleted: 1, results_deleted: 1, ray_jobs_deleted: 1 });
  });

  test('the same attempt submitted twice starts user code once', async () => {
    const path = join(folder, 'twice');
    proxy.onTaken(async () => {
      const { body } = proxy.submissions.at(-1) ?? { body: '{}' };
      const job = JSON.parse(body);
      await submitCopy(ray.url, { ...job, submission_id: `${job.submission_id}-copy` });
      return true;
    });
    const task = await finish(await enqueue('mark', { path, seconds: 4 }));
    proxy.onTaken(() => true);
    expect(task).toMatchObject({ state: 'SUCCEEDED', attempt: 1, result: 'marked' });
    expect(await marks(path)).toBe(1);
  });

  test('a driver that was killed is found by the next runs, and its task is retried', async () => {
    const task = await finish(await enqueue('die_once', {}));
    expect(task).toMatchObject({ state: 'SUCCEEDED', attempt: 2, result: 2, error: null });
    expect(task.attempts[0]).toMatchObject({ state: 'FAILED', error: { type: 'Lost' } });
  });

  test('a server killed between submission and record: the next run adopts the job', async () => {
    const path = join(folder, 'killed');
    const taken = Promise.withResolvers<void>();
    proxy.onTaken(async () => {
      await server.stop('SIGKILL');
      taken.resolve();
      return false;
    });
    const before = proxy.submissions.length;
    const id = await enqueue('mark', { path });
    await run(0).catch(() => undefined); // cut off with the server
    await taken.promise;
    proxy.onTaken(() => true);
    server = await startServer(environment(), server.port);
    const task = await finish(id);
    expect(task).toMatchObject({ state: 'SUCCEEDED', attempt: 1, max_attempts: 3 });
    expect(await marks(path)).toBe(1);
    expect(proxy.submissions.length - before).toBe(1);
  });
});

/** Sends a job to Ray past the app. */
function submitCopy(url: string, job: object): Promise<void> {
  return new Promise((resolve, reject) => {
    const outgoing = request(`${url}/api/jobs/`, { method: 'POST', agent: false }, (response) => {
      response.resume().on('end', resolve);
    });
    outgoing.on('error', reject);
    outgoing.end(JSON.stringify(job));
  });
}

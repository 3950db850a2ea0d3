import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findFreePort } from '../../infra/local/free-port.ts';
import { migrate } from '../../src/db/migrate.ts';
import { rayCoreRunner } from '../../src/runners/ray-core.ts';
import { startSleepyApp } from '../gateway/sleepy-app.ts';
import { describeRunner } from '../runners/conformance.ts';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { describeWithRay } from '../support/ray-cluster.ts';
import { type Server, startServer } from '../support/server.ts';

const root = join(import.meta.dirname, '../..');
const deployment = join(root, 'test/support/deployment');
const secret = 'a-secret-of-the-tests-0123456789-0123456789';

await describeWithRay('The gateway on a real Ray Serve', (ray) => {
  let servePort: number;
  let database: TestDatabase;
  let folder: string;
  let server: Server;

  const onCluster = () => ({
    RAY_ADDRESS: ray.url,
    MOBULA_RAY_RUNTIME_ENV: JSON.stringify({ env_vars: { PYTHONPATH: deployment, OF_THE_DEPLOYMENT: 'deployment' } }),
  });

  /** `npm run gateway` as a person would call it. */
  async function gateway(...args: string[]): Promise<{ code: number; out: string; err: string }> {
    const env = {
      PATH: process.env['PATH'],
      MOBULA_SECRET: secret,
      MOBULA_PUBLIC_URL: 'http://127.0.0.1:9',
      ...onCluster(),
    };
    const child = spawn(process.execPath, [join(root, 'commands/gateway.ts'), ...args], { cwd: root, env });
    let [out, err] = ['', ''];
    child.stdout.on('data', (chunk) => (out += chunk));
    child.stderr.on('data', (chunk) => (err += chunk));
    const [code] = await once(child, 'close');
    return { code, out, err };
  }

  /** Half a CPU each: the cluster has two, and others share it. */
  const deploy = (workersMax: number) =>
    gateway(
      ...['deploy', '--port', String(servePort), '--worker-cpus', '0.5'],
      ...['--workers-min', '2', '--workers-max', String(workersMax)],
    );

  beforeAll(async () => {
    servePort = await findFreePort();
    database = await createDatabase();
    await migrate(database.url);
    folder = await mkdtemp(join(tmpdir(), 'mobula-gateway-test-'));
    expect(JSON.parse((await gateway('status')).out)).toEqual({ status: 'NOT_DEPLOYED' });
    const { code, out, err } = await deploy(2);
    expect([code, err]).toEqual([0, '']);
    expect(JSON.parse(out)).toEqual({ status: 'RUNNING', route: '/mobula', port: servePort });
    server = await startServer({
      ...onCluster(),
      DATABASE_URL: database.url,
      MOBULA_RAY_CORE_ADDRESS: `http://127.0.0.1:${servePort}/mobula`,
      MOBULA_RUNNER: 'ray_core',
      MOBULA_TASKS: join(deployment, 'tasks.ts'),
      MOBULA_DEFAULT_CONCURRENCY: '1000',
      MOBULA_RETRY_BACKOFF_SECONDS: '0.5',
      MOBULA_WORKER_LEASE_SECONDS: '3',
      MOBULA_WORKER_HEARTBEAT_SECONDS: '1',
      MOBULA_STUCK_TASK_TIMEOUT_SECONDS: '12',
      MOBULA_RESULT_GRACE_SECONDS: '1',
      MOBULA_RESULT_STORAGE_BACKEND: 'filesystem',
      MOBULA_RESULT_STORAGE_FILESYSTEM_PATH: join(folder, 'results'),
    });
  });

  afterAll(async () => {
    await server?.stop();
    await database?.drop();
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  async function enqueue(tasks: readonly object[]): Promise<string[]> {
    const { status, json, text } = await server.call('POST', '/tasks/batch', { tasks });
    expect(status, text).toBe(201);
    return json.tasks.map(({ task }: { task: { id: string } }) => task.id);
  }

  const look = async (id: string) => (await server.call('GET', `/executions/${id}`)).json.task;

  /** Drives them as an eager cron would, until all are final. */
  async function finish(ids: readonly string[], seconds = 90) {
    const end = performance.now() + seconds * 1_000;
    for (;;) {
      await server.call('POST', '/run', {});
      await sleep(100);
      const tasks = await Promise.all(ids.map(look));
      const open = tasks.filter(({ poll_after_ms }) => poll_after_ms !== null);
      if (open.length === 0) return tasks;
      if (performance.now() > end)
        throw new Error(`Not ended: ${JSON.stringify(open.slice(0, 3))} ${server.log().slice(-3_000)}`);
    }
  }

  const one = async (task: string, input: unknown, wish = {}) =>
    (await finish(await enqueue([{ task, input, ...wish }])))[0];
  const marksIn = async (path: string) =>
    (await readFile(path, 'utf8').catch(() => '')).trim().split('\n').filter(Boolean).length;

  /** The pids of the processes of a deployment of Serve's, as Ray knows them. */
  async function pidsOf(deploymentName: string): Promise<number[]> {
    const response = await fetch(`${ray.url}/api/v0/actors?limit=1000&detail=1`);
    const { data } = (await response.json()) as {
      data: { result: { result: { name: string; state: string; pid: number }[] } };
    };
    return data.result.result
      .filter(({ name, state }) => state === 'ALIVE' && name.includes(`#${deploymentName}#`))
      .map(({ pid }) => pid);
  }

  async function until(isSo: () => Promise<boolean>, seconds = 30): Promise<void> {
    const end = performance.now() + seconds * 1_000;
    while (!(await isSo())) {
      if (performance.now() > end) throw new Error(`It did not come to pass. ${server.log().slice(-2_000)}`);
      await sleep(100);
    }
  }

  test('five hundred small tasks come to their right values, each by one start', async () => {
    const ids = await enqueue(Array.from({ length: 500 }, (_, n) => ({ task: 'add_numbers', input: { a: n, b: 1 } })));
    const tasks = await finish(ids);
    expect(tasks.map(({ state, attempt, result }) => [state, attempt, result])).toEqual(
      ids.map((_, n) => ['SUCCEEDED', 1, n + 1]),
    );
    expect(tasks[0].attempts).toMatchObject([{ runner: 'ray_core', ray_job_id: null, state: 'SUCCEEDED' }]);
  });

  test('a failure has type, message and a traceback of user code alone, and is retried by its policy', async () => {
    const task = await one('failing_task', { message: 'no "luck"' }, { max_attempts: 2 });
    expect(task).toMatchObject({ state: 'FAILED', attempt: 2, error: { type: 'ValueError', message: 'no "luck"' } });
    expect(task.error.traceback).toContain('raise ValueError(message)');
    expect(task.error.traceback).not.toContain('mobula_gateway');
    expect(task.error.traceback).not.toContain('perform.py');
  });

  test('a task is ended at its time limit, and so is nothing else', async () => {
    const ids = await enqueue([
      { task: 'mark', input: { path: join(folder, 'too-long'), seconds: 60 }, timeout_seconds: 1, max_attempts: 1 },
      ...Array.from({ length: 20 }, (_, n) => ({ task: 'add_numbers', input: { a: n, b: 0 } })),
    ]);
    const [late, ...others] = await finish(ids);
    expect(late).toMatchObject({ state: 'FAILED', error: { type: 'TimedOut' } });
    expect(late.error.traceback).toContain('time.sleep(seconds)');
    expect(others.map(({ state, result }) => [state, result])).toEqual(others.map((_, n) => ['SUCCEEDED', n]));
  });

  test('a cancel reaches the task in seconds, and deaf code is ended with its process', async () => {
    const path = join(folder, 'deaf');
    const [obedient = '', deaf = ''] = await enqueue([
      { task: 'slow_task', input: { seconds: 60 } },
      { task: 'mark', input: { path, seconds: 60 } },
    ]);
    await server.call('POST', '/run', {});
    await until(async () => (await marksIn(path)) === 1 && (await look(obedient)).progress !== null);
    const startedAt = performance.now();
    for (const id of [obedient, deaf])
      expect((await server.call('POST', `/executions/${id}/cancel`)).json.task.state).toBe('CANCELLING');
    expect(await finish([obedient])).toMatchObject([{ state: 'CANCELLED' }]);
    expect(performance.now() - startedAt).toBeLessThan(5_000);
    expect(await finish([deaf])).toMatchObject([{ state: 'CANCELLED' }]);
    expect(performance.now() - startedAt).toBeLessThan(20_000);
  });

  test('a large value goes to the store, past the array, and is read back whole', async () => {
    const task = await one('large_task', { bytes: 3_000_000 });
    expect(task).toMatchObject({ state: 'SUCCEEDED', result_state: 'stored', result_bytes: 3_000_002 });
    expect((await server.call('GET', `/executions/${task.id}/result`)).text).toBe(`"${'x'.repeat(3_000_000)}"`);
  });

  test('a task that asks Ray for something of its own gets a process of its own, and its context', async () => {
    const task = await one('look', { variable: 'OF_THE_TASK' });
    expect(task.result).toMatchObject({ variable: 'task', attempt: 1, cancelled: false, secrets: [] });
    expect(task.progress).toEqual({ looking: true });
  });

  test('a worker that dies loses what it ran, which the next attempt makes good', async () => {
    const ids = await enqueue([
      { task: 'die_once', input: {} },
      ...Array.from({ length: 50 }, (_, n) => ({ task: 'add_numbers', input: { a: n, b: 0 } })),
    ]);
    const [died, ...others] = await finish(ids);
    expect(died).toMatchObject({ state: 'SUCCEEDED', attempt: 2, result: 2 });
    expect(died.attempts[0]).toMatchObject({ state: 'FAILED', error: { type: 'Lost' } });
    expect(others.map(({ state, result }) => [state, result])).toEqual(others.map((_, n) => ['SUCCEEDED', n]));
  });

  test.each([
    ['dies', async () => process.kill((await pidsOf('Gateway'))[0] ?? 0, 'SIGKILL')],
    ['is deployed anew', async () => expect((await deploy(3)).code).toBe(0)],
  ])('a gateway that %s in the middle loses nothing, and starts nothing twice', async (how, strike) => {
    const path = (n: number) => join(folder, `${how}-${n}`);
    const ids = await enqueue(
      Array.from({ length: 40 }, (_, n) => ({ task: 'mark', input: { path: path(n), seconds: 0.3 } })),
    );
    await server.call('POST', '/run', {});
    await until(async () => (await marksIn(path(0))) === 1);
    await strike();
    const tasks = await finish(ids);
    expect(tasks.map(({ state }) => state)).toEqual(ids.map(() => 'SUCCEEDED'));
    for (const [n, { attempts }] of tasks.entries()) {
      const begun = attempts.filter(
        ({ begun_at, state }: { begun_at: string | null; state: string }) => begun_at && state !== 'RELEASED',
      );
      expect(await marksIn(path(n))).toBeLessThanOrEqual(begun.length);
    }
  });

  describeRunner('ray_core', async () => {
    const app = await startSleepyApp();
    const here = `http://127.0.0.1:${servePort}/mobula`;
    return {
      connect: (address = here) => rayCoreRunner({ address, secret, timeoutMs: address === here ? 15_000 : 1_000 }),
      attempt: app.attempt,
      close: async () => app.close(),
    };
  });

  test('a stranger is not let in, and the gateway goes when it is told to', async () => {
    const response = await fetch(`http://127.0.0.1:${servePort}/mobula/attempts`, {
      method: 'POST',
      body: '{"attempts":[]}',
    });
    expect(response.status).toBe(401);
    const { code, out } = await gateway('delete');
    expect([code, JSON.parse(out).status]).toEqual([0, 'NOT_DEPLOYED']);
  });
});

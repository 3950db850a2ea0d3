import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { findFreePort } from '../../infra/local/free-port.ts';
import { processesUnder } from '../../infra/local/processes.ts';
import { useDatabase } from '../support/database.ts';
import { FakeRay } from '../support/fake-ray.ts';
import { type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { runsIn } from '../support/ledger.ts';
import type { Server, ServerAnswer } from '../support/server.ts';
import { until } from '../support/until.ts';
import { startCron } from './cron.ts';
import { deployment, enqueueOn, lookOn, openSite, type Site } from './site.ts';

vi.setConfig({ testTimeout: 40_000 });

// The real driver, in real processes, on a Ray that answers as Ray does and can be told to be away.

const stuckSeconds = 4;
const selfFenceSeconds = 0.8 * stuckSeconds;

const database = useDatabase();
let site: Site;
let ray: FakeRay;
/** Between drivers and the app. */
let proxy: FaultProxy;
let server: Server;
let cron: ReturnType<typeof startCron>;

const environment = () => ({
  DATABASE_URL: database.url(),
  RAY_ADDRESS: ray.url,
  MOBULA_PUBLIC_URL: `http://127.0.0.1:${proxy.port}`,
  MOBULA_RAY_RUNTIME_ENV: JSON.stringify({ env_vars: { PYTHONPATH: deployment, LEDGER: site.ledgerPath } }),
  MOBULA_STUCK_TASK_TIMEOUT_SECONDS: String(stuckSeconds),
  MOBULA_WORKER_HEARTBEAT_SECONDS: '0.4',
});

beforeAll(async () => {
  site = openSite();
  ray = await FakeRay.start({ execute: true });
  const port = await findFreePort();
  proxy = await startFaultProxy(port);
  server = await site.serve(environment(), port);
  cron = startCron(() => server);
});
afterAll(async () => {
  await cron?.stop();
  await site?.close();
  await proxy?.close();
  await ray?.close();
});
afterEach(() => proxy.heal());

/** While `during` goes on nobody reaches Ray; its jobs do. */
async function withoutRay<T>(during: () => Promise<T>): Promise<T> {
  await ray.down();
  return during().finally(() => ray.up());
}

const runsOf = (id: string) => runsIn(site.ledger()).filter((run) => run.id === id);
const jobOf = (id: string, attempt = 1) => `mobula-${id.replaceAll('-', '')}-a${attempt}`;
const enqueue = (task: string, ms: number, later_ms = 0) => enqueueOn(server, task, { ms, later_ms });

/** Waits until user code of its first attempt runs. */
async function begun(id: string): Promise<void> {
  await until(
    () => runsOf(id).length,
    (starts) => starts > 0,
  );
}

const finished = (id: string) =>
  until(
    () => lookOn(server, id),
    ({ finished_at }) => finished_at !== null,
    { seconds: 25 },
  );

const awaitState = (id: string, wished: string) =>
  until(
    () => lookOn(server, id),
    ({ state }) => state === wished,
  );

/** Signals all processes of the job of its first attempt. */
function signalJob(id: string, signal: NodeJS.Signals): void {
  const leader = ray.pidOf(jobOf(id));
  if (leader === undefined) throw new Error('The job has no process.');
  process.kill(-leader, signal);
}

/** How long it took until the process of its first attempt was gone. */
async function awaitDeath(id: string): Promise<number> {
  const startedAt = performance.now();
  const pid = runsOf(id)[0]?.pid ?? 0;
  await until(
    () => processesUnder(pid).includes(pid),
    (isAlive) => !isAlive,
  );
  return (performance.now() - startedAt) / 1_000;
}

const states = (task: { attempts: { state: string; error: { type: string } | null }[] }) =>
  task.attempts.map(({ state, error }) => (error ? `${state} ${error.type}` : state));

describe.concurrent('a driver', () => {
  test('that is killed is found, and its task is tried again', async () => {
    const id = await enqueue('on_ray', 60_000);
    await begun(id);
    signalJob(id, 'SIGKILL');
    const task = await finished(id);
    expect([task.state, task.result, states(task)]).toEqual(['SUCCEEDED', 2, ['FAILED Lost', 'SUCCEEDED']]);
    expect(runsOf(id).map(({ attempt }) => attempt)).toEqual([1, 2]);
  });

  test('that is frozen is stopped when the server calls it silent, and only then is its task tried again', async () => {
    const id = await enqueue('on_ray', 60_000);
    await begun(id);
    signalJob(id, 'SIGSTOP');
    const seconds = await awaitDeath(id);
    expect(seconds).toBeGreaterThan(stuckSeconds - 0.5);
    const diedAt = Number(process.hrtime.bigint());
    const task = await finished(id);
    expect([task.state, states(task)]).toEqual(['SUCCEEDED', ['FAILED Lost', 'SUCCEEDED']]);
    expect(runsOf(id)[1]?.startedAt).toBeGreaterThan(diedAt - 200e6);
  });

  test('that thaws after four fifths of the silence ends itself without a word, and does not end its task', async () => {
    const id = await enqueue('on_ray', 60_000);
    await begun(id);
    signalJob(id, 'SIGSTOP');
    await sleep(selfFenceSeconds * 1_000 + 100);
    signalJob(id, 'SIGCONT');
    expect(await awaitDeath(id)).toBeLessThan(1);
    const task = await finished(id);
    expect([task.state, states(task)]).toEqual(['SUCCEEDED', ['FAILED Lost', 'SUCCEEDED']]);
    expect(runsOf(id)[0]?.endedAt).toBeNull();
  });
});

describe('a driver that cannot reach the app', () => {
  test('for a moment goes on: nothing is tried again', async () => {
    const id = await enqueue('on_ray', 4_000);
    await begun(id);
    proxy.cut();
    await sleep(1_500);
    proxy.heal();
    const task = await finished(id);
    expect([task.state, task.result, states(task)]).toEqual(['SUCCEEDED', 1, ['SUCCEEDED']]);
  });

  test('for longer ends itself after four fifths of the silence, and its task is tried again', async () => {
    const id = await enqueue('on_ray', 60_000);
    await begun(id);
    proxy.cut();
    const seconds = await awaitDeath(id);
    expect(seconds).toBeGreaterThan(selfFenceSeconds - 0.6); // the last accepted beat is a little older
    expect(seconds).toBeLessThan(stuckSeconds);
    const diedAt = Number(process.hrtime.bigint());
    proxy.heal();
    const task = await finished(id);
    expect([task.state, states(task)]).toEqual(['SUCCEEDED', ['FAILED Lost', 'SUCCEEDED']]);
    expect(runsOf(id)[1]?.startedAt).toBeGreaterThan(diedAt - 200e6);
  });
});

describe.concurrent('an answer to a driver that is lost', () => {
  test('to begin: it asks again, and user code starts once', async () => {
    const lost = proxy.next('/begin ', 'swallow_reply');
    const id = await enqueue('on_ray', 0);
    const task = await finished(id);
    await lost;
    expect([task.state, states(task), runsOf(id).length]).toEqual(['SUCCEEDED', ['SUCCEEDED'], 1]);
  });

  test('to complete: it says the same again, and the execution ends once', async () => {
    const lost = proxy.next('/complete ', 'swallow_reply');
    const id = await enqueue('on_ray', 0);
    const task = await finished(id);
    await lost;
    await until(
      () => ray.statusOf(jobOf(id)),
      (status) => status === 'SUCCEEDED',
    );
    expect(await lookOn(server, id)).toEqual(task);
    expect([task.state, states(task), runsOf(id).length]).toEqual(['SUCCEEDED', ['SUCCEEDED'], 1]);
  });
});

test('an outcome that the network holds back until the next attempt runs is refused, and changes nothing', async () => {
  const id = await enqueue('on_ray', 1_500, 2_500);
  await begun(id);
  proxy.blackHole();
  await awaitDeath(id);
  expect(runsOf(id)[0]?.endedAt).not.toBeNull();
  // What hung in the network is kept back further, while attempt 2 takes a way of its own.
  const held = proxy;
  proxy = await startFaultProxy(server.port);
  await server.stop('SIGKILL');
  server = await site.serve(environment(), server.port);
  await until(
    () => runsOf(id).length,
    (starts) => starts === 2,
  );
  held.heal();
  const task = await finished(id);
  await held.close();
  expect([task.state, task.result, states(task)]).toEqual(['SUCCEEDED', 2, ['FAILED Lost', 'SUCCEEDED']]);
});

test('a server that is killed while drivers work is not missed: they report to another', async () => {
  const other = await site.serve(environment());
  const ids = await Promise.all([1_000, 1_000].map((ms) => enqueue('on_ray', ms)));
  await Promise.all(ids.map(begun));
  await server.stop('SIGKILL');
  proxy.leadTo(other.port);
  server = other;
  for (const id of ids) expect(await finished(id)).toMatchObject({ state: 'SUCCEEDED', attempt: 1, result: 1 });
});

describe('while Ray is away', () => {
  const ids = { waiting: '', inline: '', frozen: '', frozenIdempotent: '', cutOff: '' };
  let answer: ServerAnswer;
  let waiting: { state: string; attempt: number };
  let judgedAfterSeconds: number;
  let diedAfterSeconds: number;

  /** Three drivers begin; two freeze and one loses its network, all when Ray is lost, until the server has judged them. */
  beforeAll(async () => {
    ids.frozen = await enqueue('on_ray', 60_000);
    ids.frozenIdempotent = await enqueue('idempotent_on_ray', 60_000);
    ids.cutOff = await enqueue('idempotent_on_ray', 60_000);
    for (const id of [ids.frozen, ids.frozenIdempotent, ids.cutOff]) await begun(id);
    const startedAt = performance.now();
    for (const id of [ids.frozen, ids.frozenIdempotent]) signalJob(id, 'SIGSTOP');
    proxy.cut();
    const death = awaitDeath(ids.cutOff);
    await withoutRay(async () => {
      ids.waiting = await enqueue('on_ray', 0);
      ids.inline = await enqueue('inline', 0);
      await finished(ids.inline);
      answer = await server.call('POST', '/run', {});
      waiting = await lookOn(server, ids.waiting);
      diedAfterSeconds = await death;
      for (const id of [ids.cutOff, ids.frozenIdempotent]) await awaitState(id, 'QUEUED');
      judgedAfterSeconds = (performance.now() - startedAt) / 1_000;
      await finished(ids.frozen);
    });
    proxy.heal();
    for (const id of [ids.frozen, ids.frozenIdempotent]) signalJob(id, 'SIGCONT');
  }, 60_000);

  test('a run says so, does all the rest, and leaves what needs Ray in line', async () => {
    expect([answer.status, answer.json.ray]).toEqual([200, 'unreachable']);
    expect(await lookOn(server, ids.inline)).toMatchObject({ state: 'SUCCEEDED' });
    expect(waiting).toMatchObject({ state: 'QUEUED', attempt: 0 });
    expect(await finished(ids.waiting)).toMatchObject({ state: 'SUCCEEDED', attempt: 1 });
  });

  test('a driver that reaches nobody has ended itself before the server judges, at the full silence', async () => {
    expect(judgedAfterSeconds).toBeGreaterThan(stuckSeconds - 0.5);
    expect(diedAfterSeconds).toBeLessThan(stuckSeconds);
    expect(await finished(ids.cutOff)).toMatchObject({ state: 'SUCCEEDED', result: 2 });
  });

  test('a frozen driver’s execution ends LOST, for nobody can know; thawed, it ends itself and changes nothing', async () => {
    await awaitDeath(ids.frozen);
    const task = await finished(ids.frozen);
    expect([task.state, states(task)]).toEqual(['LOST', ['LOST Lost']]);
    expect(runsOf(ids.frozen)).toMatchObject([{ attempt: 1, endedAt: null }]);
  });

  test('the same, of a task that says it is idempotent, is tried again when Ray is back', async () => {
    const task = await finished(ids.frozenIdempotent);
    expect([task.state, task.result, states(task)]).toEqual(['SUCCEEDED', 2, ['LOST Lost', 'SUCCEEDED']]);
  });
});

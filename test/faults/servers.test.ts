import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { startFaultProxy } from '../support/fault-proxy.ts';
import { findViolations, runsIn } from '../support/ledger.ts';
import { startLoad } from '../support/load.ts';
import type { Server } from '../support/server.ts';
import { enqueueOn, lookOn, openSite, quick, type Site } from './site.ts';

vi.setConfig({ testTimeout: 60_000 });

const database = useDatabase();
const leaseSeconds = Number(quick.MOBULA_WORKER_LEASE_SECONDS);

let site: Site;
let other: Server;
beforeAll(async () => {
  site = openSite();
  other = await serve();
});
afterAll(() => site?.close());
afterEach(async () => {
  const { json } = await other.call('POST', '/purge', { days: 0 });
  expect(json).toMatchObject({ deleted: expect.any(Number) });
});

const serve = () => site.serve({ DATABASE_URL: database.url() });

const runsOf = (id: string) => runsIn(site.ledger()).filter((run) => run.id === id);

/** A server whose run of one long execution is under way. */
async function holding(ms: number, databaseUrl = database.url()) {
  const server = await site.serve({ DATABASE_URL: databaseUrl });
  const id = await enqueueOn(server, 'inline', { ms, later_ms: 0 });
  const answer = server.call('POST', '/run', {}).catch(() => null);
  await expect.poll(() => runsOf(id).length).toBe(1);
  return { server, id, answer };
}

/** Another server runs once a quarter of a second, as a cron would, until the attempt has changed; answers the seconds. */
async function awaitAttempt(id: string, attempt: number): Promise<number> {
  const startedAt = performance.now();
  for (;;) {
    await other.call('POST', '/run', {});
    const task = await lookOn(other, id);
    if (task.attempt >= attempt && task.finished_at !== null) return (performance.now() - startedAt) / 1_000;
    if (performance.now() - startedAt > 20_000) throw new Error(`It is still ${JSON.stringify(task)}.`);
    await sleep(250);
  }
}

test('a server that is killed while user code runs: another takes the execution over when the lease has lapsed', async () => {
  const { server, id } = await holding(60_000);
  await server.stop('SIGKILL');
  await other.call('POST', '/run', {});
  expect(await lookOn(other, id)).toMatchObject({ state: 'RUNNING', attempt: 1 });
  const seconds = await awaitAttempt(id, 2);
  expect(seconds).toBeLessThan(leaseSeconds + 2);
  expect(await lookOn(other, id)).toMatchObject({ state: 'SUCCEEDED', result: 2 });
  expect((await lookOn(other, id)).attempts[0]).toMatchObject({ state: 'FAILED', error: { type: 'Lost' } });
  expect(runsOf(id).map(({ attempt, endedAt }) => [attempt, endedAt !== null])).toEqual([
    [1, false],
    [2, true],
  ]);
});

describe('a server that is frozen past its lease', () => {
  test('and thawed finds its writes refused and its code told to end, while another has done the work', async () => {
    const { server, id, answer } = await holding(15_000);
    process.kill(server.pid, 'SIGSTOP');
    await awaitAttempt(id, 2);
    const before = await lookOn(other, id);
    process.kill(server.pid, 'SIGCONT');
    expect(await answer).toMatchObject({ status: 200, json: { processed: 1, completed: 0, retried: 0 } });
    expect(await lookOn(other, id)).toEqual(before);
    expect(before).toMatchObject({ state: 'SUCCEEDED', attempt: 2, result: 2 });
    const [first, second] = runsOf(id);
    expect(first).toMatchObject({ attempt: 1, wasToldToEnd: true });
    expect(second).toMatchObject({ attempt: 2, wasToldToEnd: false });
  });

  test('serves on as if nothing had been', async () => {
    const { server, id } = await holding(600);
    process.kill(server.pid, 'SIGSTOP');
    await sleep(leaseSeconds * 1_000 + 300);
    process.kill(server.pid, 'SIGCONT');
    const next = await enqueueOn(server, 'inline', {});
    await awaitAttempt(id, 1);
    await server.call('POST', '/run', {});
    expect(await lookOn(server, next)).toMatchObject({ state: 'SUCCEEDED', attempt: 1 });
    expect(await lookOn(server, id)).toMatchObject({ state: 'SUCCEEDED' });
  });
});

test('a server that hears nothing of the database ends its code before another takes it over', async () => {
  const url = new URL(database.url());
  const proxy = await startFaultProxy(Number(url.port));
  url.port = String(proxy.port);
  const { id, answer } = await holding(60_000, url.href);
  proxy.blackHole();
  await awaitAttempt(id, 2);
  const [first, second] = runsOf(id);
  expect(first).toMatchObject({ attempt: 1, wasToldToEnd: true, endedAt: expect.any(Number) });
  expect(first?.endedAt).toBeLessThan(second?.startedAt ?? 0);
  const before = await lookOn(other, id);
  proxy.heal();
  await answer;
  expect(await lookOn(other, id)).toEqual(before);
  await proxy.close();
});

test('servers that are killed one after the other under load lose nothing and run nothing twice', async () => {
  const crew = [await serve(), await serve()];
  const load = startLoad(crew, { callers: 3, crons: 2 });
  const deaths = new Map<number, number>();
  for (const index of [0, 1]) {
    await sleep(700);
    const { pid, port, stop } = crew[index] as Server;
    await stop('SIGKILL');
    deaths.set(pid, Number(process.hrtime.bigint()));
    crew[index] = await site.serve({ DATABASE_URL: database.url() }, port);
  }
  const { acknowledged } = await load.stop();
  const listAll = async () => (await other.call('GET', '/executions/stats')).json.states as Record<string, number>;
  await expect
    .poll(
      async () => {
        await other.call('POST', '/run', {});
        const { QUEUED = 0, RUNNING = 0 } = await listAll();
        return QUEUED + RUNNING;
      },
      { timeout: 20_000, interval: 250 },
    )
    .toBe(0);
  const tasks = await Promise.all(acknowledged.map((id) => lookOn(other, id)));
  expect(acknowledged.length).toBeGreaterThan(20);
  expect(findViolations({ lines: ours(acknowledged), rows: tasks, acknowledged, deaths })).toEqual([]);
  expect(tasks.filter(({ state }) => state !== 'SUCCEEDED')).toEqual([]);
});

/** The ledger's lines of these executions; one that was never acknowledged may have run as well. */
function ours(ids: readonly string[]) {
  const known = new Set(ids);
  return site.ledger().filter(({ id }) => known.has(id));
}

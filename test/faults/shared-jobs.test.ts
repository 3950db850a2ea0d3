import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { processesUnder } from '../../infra/local/processes.ts';
import { useDatabase } from '../support/database.ts';
import { FakeRay } from '../support/fake-ray.ts';
import { runsIn } from '../support/ledger.ts';
import type { Server } from '../support/server.ts';
import { until } from '../support/until.ts';
import { startCron } from './cron.ts';
import { deployment, lookOn, openSite, type Site } from './site.ts';

vi.setConfig({ testTimeout: 40_000 });

const database = useDatabase();
let site: Site;
let ray: FakeRay;
let server: Server;
let cron: ReturnType<typeof startCron>;

beforeAll(async () => {
  site = openSite();
  ray = await FakeRay.start({ execute: true });
  server = await site.serve({
    DATABASE_URL: database.url(),
    RAY_ADDRESS: ray.url,
    MOBULA_RAY_RUNTIME_ENV: JSON.stringify({ env_vars: { PYTHONPATH: deployment, LEDGER: site.ledgerPath } }),
    MOBULA_STUCK_TASK_TIMEOUT_SECONDS: '4',
    MOBULA_WORKER_HEARTBEAT_SECONDS: '0.4',
    MOBULA_DEFAULT_CONCURRENCY: '100',
  });
  cron = startCron(() => server);
});
afterAll(async () => {
  await cron?.stop();
  await site?.close();
  await ray?.close();
});

/** Enqueues in one statement, so that one claim takes all. */
async function enqueueTogether(...inputs: object[]): Promise<string[]> {
  const tasks = inputs.map((input) => ({ task: 'in_company', input, max_attempts: 2 }));
  const { json } = await server.call('POST', '/tasks/batch', { tasks });
  return json.tasks.map(({ task }: { task: { id: string } }) => task.id);
}

const finished = (id: string) =>
  until(
    () => lookOn(server, id),
    ({ finished_at }) => finished_at !== null,
    { seconds: 25 },
  );

const allFinished = (ids: readonly string[]) => Promise.all(ids.map(finished));

const runsOf = (id = '') => runsIn(site.ledger()).filter((run) => run.id === id);

async function begun(id = ''): Promise<number> {
  const [run] = await until(
    () => runsOf(id),
    (runs) => runs.length > 0,
  );
  return run?.pid ?? 0;
}

const story = (task: { state: string; attempts: { state: string; error: { type: string } | null }[] }) => [
  task.state,
  ...task.attempts.map(({ state, error }) => (error ? `${state} ${error.type}` : state)),
];

/** One more attempt, since the job ended in which it waited; no fault of its own. */
const movedOn = ['SUCCEEDED', 'RELEASED NeverBegan', 'SUCCEEDED'];

describe('executions of a task that allows it, claimed together', () => {
  test('share jobs, each in a process and with an outcome of its own', async () => {
    const ids = await enqueueTogether({}, { failures: 2 }, {}, {}, {});
    const tasks = await allFinished(ids);
    expect(tasks.map(({ state }) => state)).toEqual(['SUCCEEDED', 'FAILED', 'SUCCEEDED', 'SUCCEEDED', 'SUCCEEDED']);
    const jobs = tasks.map(({ attempts }) => attempts[0].ray_job_id);
    expect(jobs).toEqual([jobs[0], jobs[0], jobs[0], jobs[3], jobs[3]]);
    expect(jobs[3]).not.toBe(jobs[0]);
    expect(new Set(ids.map((id) => runsOf(id)[0]?.pid)).size).toBe(5);
    const ends = ids.slice(0, 3).flatMap((id) => runsOf(id)[0] ?? []);
    for (const [index, { endedAt }] of ends.entries())
      expect(ends[index + 1]?.startedAt ?? Infinity).toBeGreaterThan(endedAt ?? 0);
  });

  test('are not kept from a job of their own: the second attempt of one, alone, has it', async () => {
    const [id = ''] = await enqueueTogether({ failures: 1 }, {});
    const task = await finished(id);
    const [first, second] = task.attempts.map((attempt: { ray_job_id: string }) => attempt.ray_job_id);
    expect(first).toMatch(/^mobula-shared-[0-9a-f]{32}$/);
    expect(second).toBe(`mobula-${id.replaceAll('-', '')}-a2`);
    expect(task.ray.job_id).toBe(second);
  });

  test('lose their place, and no attempt, when the driver before them is killed', async () => {
    const ids = await enqueueTogether({ ms: 60_000, later_ms: 0 }, {}, {});
    process.kill(await begun(ids[0]), 'SIGKILL');
    const [killed, ...others] = await allFinished(ids);
    expect(story(killed)).toEqual(['SUCCEEDED', 'FAILED Lost', 'SUCCEEDED']);
    expect(others.map(story)).toEqual([movedOn, movedOn]);
  });

  test('end with the process that starts them', async () => {
    const ids = await enqueueTogether({ ms: 60_000, later_ms: 0 }, {});
    const pid = await begun(ids[0]);
    const { attempts } = await lookOn(server, ids[0] ?? '');
    process.kill(ray.pidOf(attempts[0].ray_job_id) ?? 0, 'SIGKILL');
    await until(
      () => processesUnder(pid).includes(pid),
      (isAlive) => !isAlive,
      { seconds: 1 },
    );
    const [killed, other] = await allFinished(ids);
    expect([story(killed), story(other)]).toEqual([['SUCCEEDED', 'FAILED Lost', 'SUCCEEDED'], movedOn]);
  });

  test('lose no more when it freezes: it is stopped when it has been silent for long enough', async () => {
    const ids = await enqueueTogether({ ms: 60_000, later_ms: 0 }, {});
    process.kill(await begun(ids[0]), 'SIGSTOP');
    const [frozen, other] = await allFinished(ids);
    expect(story(frozen)).toEqual(['SUCCEEDED', 'FAILED Lost', 'SUCCEEDED']);
    expect(story(other)).toEqual(movedOn);
    const [before, after] = runsOf(ids[0]);
    expect(before?.endedAt).toBeNull();
    expect(after?.startedAt).toBeGreaterThan((before?.startedAt ?? 0) + 3e9);
  });

  test('can be cancelled one by one, whether they run or wait, and the others go on', async () => {
    const ids = await enqueueTogether({ ms: 60_000 }, {}, {});
    await begun(ids[0]);
    const waiting = await server.call('POST', `/executions/${ids[1]}/cancel`);
    expect(waiting.json.task.state).toBe('CANCELLED');
    expect((await server.call('POST', `/executions/${ids[0]}/cancel`)).json.task.state).toBe('CANCELLING');
    const [running, , last] = await allFinished(ids);
    expect([story(running), story(last)]).toEqual([
      ['CANCELLED', 'CANCELLED'],
      ['SUCCEEDED', 'SUCCEEDED'],
    ]);
    expect(runsOf(ids[1])).toEqual([]);
  });
});

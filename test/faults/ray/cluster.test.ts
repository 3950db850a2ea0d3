import { afterAll, beforeAll, expect, test } from 'vitest';
import { findFreePort } from '../../../infra/local/free-port.ts';
import { createDatabase, type TestDatabase } from '../../support/database.ts';
import { type FaultProxy, startFaultProxy } from '../../support/fault-proxy.ts';
import { runsIn } from '../../support/ledger.ts';
import { describeWithRay, startOwnRay } from '../../support/ray-cluster.ts';
import type { Server } from '../../support/server.ts';
import { until } from '../../support/until.ts';
import { startCron } from '../cron.ts';
import { deployment, enqueueOn, lookOn, openSite, type Site } from '../site.ts';

await describeWithRay('A real Ray that goes wrong', (shared) => {
  const stuckSeconds = 8;
  let database: TestDatabase;
  let site: Site;
  /** Before Ray's head: whatever head there is has one address. */
  let toRay: FaultProxy;
  /** Between drivers and the app. */
  let toApp: FaultProxy;
  let server: Server;
  let cron: ReturnType<typeof startCron>;

  beforeAll(async () => {
    database = await createDatabase();
    site = openSite();
    toRay = await startFaultProxy(Number(new URL(shared.url).port));
    const port = await findFreePort();
    toApp = await startFaultProxy(port);
    const environment = {
      DATABASE_URL: database.url,
      RAY_ADDRESS: `http://127.0.0.1:${toRay.port}`,
      MOBULA_PUBLIC_URL: `http://127.0.0.1:${toApp.port}`,
      MOBULA_RAY_RUNTIME_ENV: JSON.stringify({ env_vars: { PYTHONPATH: deployment, LEDGER: site.ledgerPath } }),
      MOBULA_STUCK_TASK_TIMEOUT_SECONDS: String(stuckSeconds),
    };
    server = await site.serve(environment, port);
    cron = startCron(() => server);
  });
  afterAll(async () => {
    await cron?.stop();
    await site?.close();
    await toApp?.close();
    await toRay?.close();
    await database?.drop();
  });

  const runsOf = (id: string) => runsIn(site.ledger()).filter((run) => run.id === id);
  const enqueue = (task: string, ms: number) => enqueueOn(server, task, { ms, later_ms: 0 });
  const begun = (id: string) =>
    until(
      () => runsOf(id),
      (runs) => runs.length > 0,
      { seconds: 60 },
    );
  const finished = (id: string) =>
    until(
      () => lookOn(server, id),
      ({ finished_at }) => finished_at !== null,
      { seconds: 60 },
    );
  const isAlive = (pid: number) => {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  };
  const ended = async (pid: number) => {
    await until(
      () => isAlive(pid),
      (alive) => !alive,
    );
    return Number(process.hrtime.bigint());
  };
  const lostThenDone = {
    state: 'SUCCEEDED',
    attempt: 2,
    result: 2,
    attempts: [{ state: 'FAILED', error: { type: 'Lost' } }, { state: 'SUCCEEDED' }],
  };

  test('a driver that freezes is stopped, and one that is cut off ends itself: both are tried again, and never overlap', async () => {
    const [frozen, cutOff] = [await enqueue('on_ray', 60_000), await enqueue('on_ray', 60_000)];
    const [[ofFrozen], [ofCutOff]] = [await begun(frozen), await begun(cutOff)];
    process.kill(ofFrozen!.pid, 'SIGSTOP');
    toApp.cut();
    const cutAt = performance.now();
    const cutOffDiedAt = await ended(ofCutOff!.pid);
    expect((performance.now() - cutAt) / 1_000).toBeLessThan(stuckSeconds);
    toApp.heal();
    const frozenDiedAt = await ended(ofFrozen!.pid);
    expect((performance.now() - cutAt) / 1_000).toBeGreaterThan(stuckSeconds - 1);
    expect([await finished(frozen), await finished(cutOff)]).toMatchObject([lostThenDone, lostThenDone]);
    expect(runsOf(frozen)[1]!.startedAt).toBeGreaterThan(frozenDiedAt - 500e6);
    expect(runsOf(cutOff)[1]!.startedAt).toBeGreaterThan(cutOffDiedAt - 500e6);
  });

  test('a head that is killed: what it ran is left alone while nobody can ask, and judged by the next head', async () => {
    const mortal = await startOwnRay({ cpus: 1 });
    toRay.leadTo(Number(new URL(mortal.url).port));
    toRay.reset();
    await finished(await enqueue('on_ray', 0)); // which brings it our package
    const id = await enqueue('idempotent_on_ray', 60_000);
    const [first] = await begun(id);
    await mortal.kill();
    const killedAt = performance.now();
    await ended(first!.pid);
    await until(
      () => server.call('POST', '/run', {}),
      ({ json }) => json.ray === 'unreachable',
    );
    expect(await lookOn(server, id)).toMatchObject({ state: 'RUNNING', attempt: 1 });
    const waiting = await enqueue('on_ray', 0);
    toRay.leadTo(Number(new URL(shared.url).port)); // another head, another session, the same address
    const task = await finished(id);
    expect((performance.now() - killedAt) / 1_000).toBeGreaterThan(stuckSeconds - 1);
    expect(task).toMatchObject({ state: 'SUCCEEDED', attempt: 2, result: 2 });
    expect(task.attempts[0].error).toMatchObject({ type: 'Lost' });
    expect(await finished(waiting)).toMatchObject({ state: 'SUCCEEDED', attempt: 1 });
    expect(runsOf(id).map(({ attempt }) => attempt)).toEqual([1, 2]);
    await mortal.stop();
  });
});

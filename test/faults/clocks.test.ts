import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { clockOff, ensureFakeTime } from '../../infra/local/faketime.ts';
import { useDatabase } from '../support/database.ts';
import { findViolations, runsIn } from '../support/ledger.ts';
import { startLoad } from '../support/load.ts';
import type { Server } from '../support/server.ts';
import { enqueueOn, lookOn, openSite, type Site } from './site.ts';

const absent = await ensureFakeTime((line) => process.stderr.write(`${line}\n`));
const title = 'servers whose clocks are two hours ahead and behind';

describe.skipIf(absent !== null)(absent ? `${title} (without libfaketime: ${absent.missing})` : title, () => {
  const database = useDatabase();
  let site: Site;
  let ahead: Server;
  let behind: Server;
  beforeAll(async () => {
    site = openSite();
    const serve = (by: string) => site.serve({ DATABASE_URL: database.url(), ...clockOff(by) });
    [ahead, behind] = await Promise.all([serve('+2h'), serve('-2h')]);
  });
  afterAll(() => site?.close());

  const run = async (server: Server) => (await server.call('POST', '/run', {})).json;

  test('are what they are called: their logs say so', async () => {
    const hoursOff = ({ log }: Server) => {
      const [line = '{}'] = log().split('\n');
      return Math.round((Date.parse(JSON.parse(line).time) - Date.now()) / 3_600_000);
    };
    expect([hoursOff(ahead), hoursOff(behind)]).toEqual([2, -2]);
  });

  test('give the times of the database in what they answer', async () => {
    const task = await lookOn(behind, await enqueueOn(ahead, 'inline', {}));
    expect(Math.abs(Date.parse(task.enqueued_at) - Date.now())).toBeLessThan(10_000);
    expect(await run(behind)).toMatchObject({ processed: 1 });
  });

  test('run what is delayed when it is due for the database, neither sooner nor later', async () => {
    const ids = [
      await enqueueOn(ahead, 'inline', {}, { delay_seconds: 1.5 }),
      await enqueueOn(behind, 'inline', {}, { delay_seconds: 1.5 }),
      await enqueueOn(behind, 'inline', {}, { run_after: new Date(Date.now() + 1_500).toISOString() }),
    ];
    expect([await run(ahead), await run(behind)]).toMatchObject([{ processed: 0 }, { processed: 0 }]);
    await new Promise((resolve) => setTimeout(resolve, 1_700));
    expect(await run(behind)).toMatchObject({ processed: 3 });
    for (const id of ids) expect(await lookOn(ahead, id)).toMatchObject({ state: 'SUCCEEDED' });
  });

  test('leave each other’s leases alone', async () => {
    for (const [holder, other] of [
      [ahead, behind],
      [behind, ahead],
    ] as const) {
      const id = await enqueueOn(holder, 'inline', { ms: 3_000 });
      const running = run(holder);
      await expect.poll(async () => (await lookOn(other, id)).state).toBe('RUNNING');
      expect(await run(other)).toMatchObject({ recovered: 0, processed: 0 });
      expect(await running).toMatchObject({ completed: 1 });
      expect(await lookOn(other, id)).toMatchObject({ state: 'SUCCEEDED', attempt: 1 });
    }
  });

  test('take each other’s status tokens', async () => {
    for (const [minter, reader] of [
      [ahead, behind],
      [behind, ahead],
    ] as const) {
      const { json } = await minter.call('POST', '/tasks', { task: 'inline', input: {} });
      const asHolder = { authorization: `Bearer ${json.status_token}` };
      expect((await reader.call('GET', `/status/${json.task.id}`, undefined, asHolder)).status).toBe(200);
    }
  });

  test('purge by the database’s clock: what has just ended is no week old', async () => {
    const id = await enqueueOn(ahead, 'inline', {});
    await run(ahead);
    const { json } = await ahead.call('POST', '/purge', { days: 0.05 }); // 72 minutes
    expect(json).toMatchObject({ deleted: 0 });
    expect(await lookOn(behind, id)).toMatchObject({ state: 'SUCCEEDED' });
  });

  test('work side by side under load without a violation', async () => {
    const load = startLoad([ahead, behind], { callers: 3, crons: 2 });
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    const { acknowledged, refusals } = await load.stop();
    await expect.poll(() => run(ahead), { interval: 200 }).toMatchObject({ processed: 0, next_wake_at: null });
    const rows = await Promise.all(acknowledged.map((id) => lookOn(ahead, id)));
    const known = new Set(acknowledged);
    const lines = site.ledger().filter(({ id }) => known.has(id));
    expect(refusals).toEqual([]);
    expect(runsIn(lines).length).toBeGreaterThan(20);
    expect(findViolations({ lines, rows, acknowledged })).toEqual([]);
    expect(rows.filter(({ state }) => state !== 'SUCCEEDED')).toEqual([]);
  });
});

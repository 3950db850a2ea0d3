import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { findViolations, runsIn } from '../support/ledger.ts';
import { startLoad } from '../support/load.ts';
import { type MortalPostgres, startMortalPostgres } from '../support/mortal-postgres.ts';
import type { Server, ServerAnswer } from '../support/server.ts';
import { enqueueOn, lookOn, openSite, type Site } from './site.ts';

let postgres: MortalPostgres;
let site: Site;
let server: Server;
beforeAll(async () => {
  site = openSite();
  postgres = await startMortalPostgres();
  server = await site.serve({ DATABASE_URL: postgres.url });
}, 60_000);
afterAll(async () => {
  await site?.close();
  await postgres?.stop();
});
afterEach(async () => {
  postgres.proxy.heal();
  await expect.poll(async () => (await server.call('GET', '/readyz')).status, { timeout: 10_000 }).toBe(200);
});

/** What a caller may ask while the database is away; none of it may be answered as if nothing were there. */
const questions: readonly (readonly [string, string, unknown?])[] = [
  ['POST', '/tasks', { task: 'inline', input: {} }],
  ['POST', '/tasks/batch', { tasks: [{ task: 'inline', input: {} }] }],
  ['POST', '/run', {}],
  ['POST', '/run-one', {}],
  ['POST', '/execute/01980000-0000-7000-8000-000000000000', {}],
  ['GET', '/status/01980000-0000-7000-8000-000000000000'],
  ['GET', '/executions'],
  ['GET', '/executions/stats'],
  ['POST', '/executions/01980000-0000-7000-8000-000000000000/cancel', {}],
  ['POST', '/purge', { days: 0 }],
  ['GET', '/readyz'],
];

const isSaid = ({ status, json }: ServerAnswer) => [status, json?.code];

const askAll = () => Promise.all(questions.map(([method, path, body]) => server.call(method, path, body)));

/** The server answers again, is the same process, and does its work. */
async function expectRecovery(pid: number): Promise<void> {
  await expect.poll(async () => (await server.call('GET', '/readyz')).status, { timeout: 10_000 }).toBe(200);
  const id = await enqueueOn(server, 'inline', {});
  await server.call('POST', '/run', {});
  expect(await lookOn(server, id)).toMatchObject({ state: 'SUCCEEDED', attempt: 1 });
  expect(server.pid).toBe(pid);
  expect((await server.call('GET', '/livez')).status).toBe(200);
}

describe('a database that is away', () => {
  test.each([
    ['because it was killed', () => postgres.kill(), () => postgres.start()],
    ['because the network resets every connection', () => postgres.proxy.cut(), () => postgres.proxy.heal()],
    ['because it shows no sign of life', () => blackOut(), () => postgres.proxy.heal()],
  ])(
    '%s is said as 503 with Retry-After, while the process lives and recovers by itself',
    async (_, harm, mend) => {
      const { pid } = server;
      await harm();
      const answers = await askAll();
      expect(answers.map(isSaid)).toEqual(answers.map(() => [503, 'database_unavailable']));
      expect(answers.filter(({ headers }) => !(Number(headers.get('retry-after')) >= 1))).toEqual([]);
      expect((await server.call('GET', '/livez')).status).toBe(200);
      await mend();
      await expectRecovery(pid);
    },
    40_000,
  );

  /** Connections that were open wait half a minute for an answer, as they might get one; new ones wait five seconds. */
  async function blackOut(): Promise<void> {
    postgres.proxy.reset();
    postgres.proxy.blackHole();
  }

  test('does not keep a health report from being given', async () => {
    postgres.proxy.cut();
    expect(isSaid(await server.call('GET', '/health'))).toEqual([503, 'database_unavailable']);
  });
});

describe('a database that is there and refuses', () => {
  test('writes, because it is read-only: what writes is 503, what reads is answered', async () => {
    const id = await enqueueOn(server, 'inline', {});
    await setForAll('default_transaction_read_only', 'on');
    expect(isSaid(await server.call('POST', '/tasks', { task: 'inline', input: {} }))).toEqual([
      503,
      'database_unavailable',
    ]);
    expect(isSaid(await server.call('POST', '/run', {}))).toEqual([503, 'database_unavailable']);
    expect(await lookOn(server, id)).toMatchObject({ state: 'QUEUED', attempt: 0 });
    await setForAll('default_transaction_read_only', 'off');
    await expectRecovery(server.pid);
    expect(await lookOn(server, id)).toMatchObject({ state: 'SUCCEEDED', attempt: 1 });
  });

  test('statements that take too long: each is 503 within its time', async () => {
    await setForAll('statement_timeout', '300ms');
    const client = new Client({ connectionString: postgres.url });
    await client.connect();
    await client.query('begin; lock table mobula.executions');
    const startedAt = performance.now();
    const answer = await server.call('POST', '/tasks', { task: 'inline', input: {} });
    expect(isSaid(answer)).toEqual([503, 'database_unavailable']);
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    await client.query('rollback');
    await client.end();
    await setForAll('statement_timeout', '0');
    await expectRecovery(server.pid);
  });

  /** Changes a setting for the sessions that there are and those to come. */
  async function setForAll(name: string, value: string): Promise<void> {
    await postgres.sql(`alter system set ${name} = '${value}'`);
    await postgres.sql('select pg_reload_conf()');
    await expect.poll(async () => (await postgres.sql(`show ${name}`))[0]).toEqual({ [name]: value });
  }
});

describe('under load', () => {
  /** Harms the database while callers and a cron go on, then drives what is left to its end. */
  async function load(harm: () => Promise<void>) {
    const callers = startLoad([server], { callers: 4, crons: 2 });
    await harm();
    const heard = await callers.stop();
    await expect.poll(settle, { timeout: 30_000, interval: 250 }).toEqual([]);
    return heard;
  }

  /** Runs once more, and answers what is not final. */
  async function settle(): Promise<unknown[]> {
    await server.call('POST', '/run', {});
    return postgres.sql(`select state, attempt from mobula.executions where finished_at is null`);
  }

  test.each([
    ['its backends being terminated, twice a second', terminateBackends, { unavailable: false }],
    ['its death and return', dieAndReturn, { unavailable: true }],
    ['the crash of one of its processes, and the recovery of all', crashOne, { unavailable: false }],
    ['a network that resets connections now and then', resetOften, { unavailable: false }],
  ])(
    '%s loses nothing, runs nothing twice, and fails no execution',
    async (_, harm, { unavailable }) => {
      const { pid } = server;
      const { acknowledged, refusals } = await load(harm);
      expect(acknowledged.length).toBeGreaterThan(20);
      expect(refusals.filter((said) => said !== '503 database_unavailable')).toEqual([]);
      if (unavailable) expect(refusals.length).toBeGreaterThan(0);
      const rows = await postgres.sql<{ id: string; state: string; attempt: number }>(
        'select id, state::text, attempt from mobula.executions',
      );
      expect(findViolations({ lines: site.ledger(), rows, acknowledged })).toEqual([]);
      expect(rows.filter(({ state }) => state !== 'SUCCEEDED')).toEqual([]);
      expect(runsIn(site.ledger()).length).toBeGreaterThanOrEqual(rows.length);
      await expectRecovery(pid);
    },
    60_000,
  );

  async function terminateBackends(): Promise<void> {
    for (let n = 0; n < 6; n += 1) {
      await sleep(500);
      await postgres.sql(`select pg_terminate_backend(pid) from pg_stat_activity
        where backend_type = 'client backend' and pid <> pg_backend_pid()`);
    }
  }

  async function dieAndReturn(): Promise<void> {
    await sleep(700);
    await postgres.kill();
    await sleep(700);
    await postgres.start();
    await sleep(1_000);
  }

  async function crashOne(): Promise<void> {
    await sleep(700);
    const [{ pid }] = (await postgres.sql<{ pid: number }>(
      `select pid from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid() limit 1`,
    )) as [{ pid: number }];
    process.kill(pid, 'SIGKILL');
    await sleep(1_800);
  }

  async function resetOften(): Promise<void> {
    for (let n = 0; n < 10; n += 1) {
      await sleep(200);
      postgres.proxy.reset();
    }
  }
});

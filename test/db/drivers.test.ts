import { neon } from '@neondatabase/serverless';
import { sql } from 'drizzle-orm';
import { Client, Pool } from 'pg';
import { beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { MobulaError } from '../../src/core/errors.ts';
import { connectDatabase } from '../../src/db/connect.ts';
import { type Db, list } from '../../src/db/db.ts';
import { pooledDb } from '../../src/db/drivers/pooled.ts';
import { useDatabase } from '../support/database.ts';
import { type NeonStandIn, startNeon } from '../support/neon.ts';
import { type NeonRelay, startNeonRelay } from '../support/neon-ws.ts';
import { describeDrivers, enqueueOne, rowOf, rows, useDb } from './support.ts';

describeDrivers(({ db }) => {
  describe('a statement', () => {
    test('gives 64-bit numbers and instants in a form that loses nothing', async () => {
      const [row] = await rows<{ big: string | number; at: Date | string }>(
        db(),
        sql`select 9007199254740993::bigint as big, '2031-02-03T04:05:06.789Z'::timestamptz as at`,
      );
      expect(String(row?.big)).toBe('9007199254740993');
      expect(new Date(row?.at ?? 0).toISOString()).toBe('2031-02-03T04:05:06.789Z');
    });

    test('takes arrays whole, with everything that text can hold', async () => {
      const texts = ['', 'null', 'NULL', '{a,b}', '"', '\\', "it's", ' x ', 'ü雪😀', '\n', null];
      expect(await rows(db(), sql`select * from unnest(${list(texts, 'text')}) as x`)).toEqual(
        texts.map((x) => ({ x })),
      );
    });

    test('that Postgres refuses says why, and is no outage', async () => {
      const refused = db().execute(sql`select 1/0 as x`);
      await expect(refused).rejects.toThrow(/division by zero/);
      await expect(refused).rejects.not.toBeInstanceOf(MobulaError);
    });

    test('is one statement: a second one in the same text is refused', async () => {
      await expect(db().execute(sql`select 1; select 2 where 1 = ${1}`)).rejects.toThrow(/multiple commands/);
    });

    test('that is shut out by the server is an outage, to be tried again', async () => {
      for (const code of ['57P01', '53300', '08006', '40001', '25006']) {
        const raise = sql.raw(`do $$ begin raise exception 'no' using errcode = '${code}'; end $$`);
        await expect(db().execute(raise)).rejects.toMatchObject({
          code: 'database_unavailable',
          detail: { retryAfterSeconds: 5 },
        });
      }
    });
  });
});

describe.each(['pg', 'neon-ws'] as const)('a transaction over %s', (driver) => {
  const database = useDb(driver);

  test('commits what was written in it', async () => {
    const db = database.db();
    const id = await db.transaction(async (tx) => {
      const made = await enqueueOne(tx);
      expect(await rowOf(db, made)).toEqual({});
      return made;
    });
    expect(await rowOf(db, id)).toMatchObject({ state: 'QUEUED' });
  });

  test('takes back what was written in it when its work throws, and throws the same', async () => {
    const db = database.db();
    const failure = new Error('changed my mind');
    let made = '';
    const work = db.transaction(async (tx) => {
      made = await enqueueOne(tx);
      throw failure;
    });
    await expect(work).rejects.toBe(failure);
    expect(await rowOf(db, made)).toEqual({});
  });
});

test('a transaction over neon-http is refused: there are none', async () => {
  const db = connectDatabase('postgres://u:p@x.neon.tech/db');
  await expect(db.transaction(() => Promise.resolve())).rejects.toMatchObject({ code: 'misconfigured' });
});

/** Ends a session in the middle of its `pg_sleep`. */
async function terminateAsleep(pid: number): Promise<void> {
  const admin = new Client({ connectionString: inject('postgresUrl') });
  await admin.connect();
  const terminated = async () =>
    (
      await admin.query(
        `select pg_terminate_backend(pid) from pg_stat_activity where pid = $1 and wait_event = 'PgSleep'`,
        [pid],
      )
    ).rowCount;
  await expect.poll(terminated, { interval: 20 }).toBe(1);
  await admin.end();
}

describe('a database that is away', () => {
  test.each(['pg', 'neon-ws'] as const)('is an outage over %s, and tells when to come back', async (driver) => {
    const db = connectDatabase('postgres://nobody:x@127.0.0.1:9/none', { driver, neonWsProxy: 'ws://127.0.0.1:9' });
    const away = { code: 'database_unavailable', detail: { retryAfterSeconds: 5 } };
    await expect(db.execute(sql`select 1`)).rejects.toMatchObject(away);
    await expect(db.transaction((tx) => tx.execute(sql`select 1`))).rejects.toMatchObject(away);
    await db.close();
  });

  test('comes back: a connection that was cut is replaced by the next statement', async () => {
    const db = connectDatabase(inject('postgresUrl'));
    const [{ pid } = { pid: 0 }] = await rows<{ pid: number }>(db, sql`select pg_backend_pid() as pid`);
    const cut = expect(db.execute(sql`select pg_sleep(30)`)).rejects.toMatchObject({ code: 'database_unavailable' });
    await terminateAsleep(pid);
    await cut;
    expect(await rows(db, sql`select 1 as one`)).toEqual([{ one: 1 }]);
    await db.close();
  });
});

test('a process that was frozen does not use the connections it wakes up with', async () => {
  const idleMs = 500;
  const options = { connectionString: inject('postgresUrl'), idleTimeoutMillis: idleMs };
  const db = pooledDb(() => new Pool(options), idleMs);
  const pidOf = async () => (await rows<{ pid: number }>(db, sql`select pg_backend_pid() as pid`))[0]?.pid;
  const before = await pidOf();
  expect(await pidOf()).toBe(before);
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2 * idleMs); // nothing runs meanwhile, no timer either
  expect(await pidOf()).not.toBe(before);
  await db.close();
});

describe('Neon over WebSockets', () => {
  const database = useDatabase();
  let relay: NeonRelay;
  let db: Db;
  beforeEach(async () => {
    relay = await startNeonRelay();
    db = connectDatabase(database.url(), { driver: 'neon-ws', neonWsProxy: relay.url, connections: 2 });
    return () => Promise.all([db.close(), relay.close()]);
  });

  test('keeps its connections, and opens no more than it may', async () => {
    await Promise.all(Array.from({ length: 10 }, () => db.execute(sql`select pg_sleep(0.01)`)));
    expect(relay.connections).toBe(2);
  });

  test('that is cut in the middle of a statement is an outage, and connects anew', async () => {
    const [{ pid } = { pid: 0 }] = await rows<{ pid: number }>(db, sql`select pg_backend_pid() as pid`);
    const cut = expect(db.execute(sql`select pg_sleep(30)`)).rejects.toMatchObject({ code: 'database_unavailable' });
    await terminateAsleep(pid);
    await cut;
    expect(await rows(db, sql`select 1 as one`)).toEqual([{ one: 1 }]);
  });

  test('that loses its relay in the middle of a statement is an outage', async () => {
    const cut = expect(db.execute(sql`select pg_sleep(30)`)).rejects.toMatchObject({ code: 'database_unavailable' });
    while (relay.connections === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    await relay.close();
    await cut;
  });
});

describe('Neon over HTTP', () => {
  const database = useDatabase();
  let stand: NeonStandIn;
  let db: Db;
  beforeAll(async () => {
    stand = await startNeon();
    db = connectDatabase(database.url(), { driver: 'neon-http', neonFetchEndpoint: stand.endpoint });
    return () => stand.close();
  });

  test.each(['drop', 'lose_answer', 500, 503] as const)('that goes wrong with %s is an outage', async (trouble) => {
    stand.next(trouble);
    await expect(db.execute(sql`select 1`)).rejects.toMatchObject({ code: 'database_unavailable' });
    expect(await rows(db, sql`select 1 as one`)).toEqual([{ one: 1 }]);
  });

  test('can lose the answer of what was done', async () => {
    stand.next('lose_answer');
    await expect(enqueueOne(db)).rejects.toMatchObject({ code: 'database_unavailable' });
    expect(await rows(db, sql`select state::text from mobula.executions`)).toEqual([{ state: 'QUEUED' }]);
  });

  test('costs one request for each statement', async () => {
    const before = stand.counts.requests;
    await enqueueOne(db);
    expect(stand.counts.requests - before).toBe(1);
  });

  test('does a batch in one transaction, as the stand-in must', async () => {
    const client = neon(database.url());
    const tell = (key: string) =>
      client.query(`insert into mobula.invocations values ($1, now())`, [
        `${key.repeat(8)}-0000-7000-8000-000000000000`,
      ]);
    const failing = client.transaction([tell('a'), tell('a')]);
    await expect(failing).rejects.toMatchObject({ code: '23505', constraint: 'invocations_pkey' });
    expect(await client.transaction([tell('a'), client.query('select count(*) as n from mobula.invocations')])).toEqual(
      [[], [{ n: '1' }]],
    );
  });
});

describe('the driver', () => {
  test.each([
    ['postgres://u:p@ep-cool-name.eu-central-1.aws.neon.tech/db', 'no interactive transactions'],
    ['postgres://u:p@ep-cool-name-pooler.neon.tech/db', 'no interactive transactions'],
  ])('of %s is Neon’s', async (url, refusal) => {
    await expect(connectDatabase(url).transaction(() => Promise.resolve())).rejects.toThrow(refusal);
  });

  test('of any other host is pg, unless it is said', async () => {
    const db = connectDatabase('postgres://u:p@127.0.0.1:9/neon.tech');
    await expect(db.transaction(() => Promise.resolve())).rejects.toMatchObject({ code: 'database_unavailable' });
    const said = connectDatabase('postgres://u:p@127.0.0.1:9/x', { driver: 'neon-http' });
    await expect(said.transaction(() => Promise.resolve())).rejects.toMatchObject({ code: 'misconfigured' });
    await db.close();
  });
});

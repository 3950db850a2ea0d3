import { sql } from 'drizzle-orm';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connectDatabase } from '../../src/db/connect.ts';
import { type Db, list } from '../../src/db/db.ts';
import { useDatabase } from '../support/database.ts';

const database = useDatabase();
let db: Db;

beforeEach(() => {
  db = connectDatabase(database.url(), { driver: 'pg', connections: 1 });
});
afterEach(() => db.close());

const sum = (...terms: readonly number[]) =>
  db.execute<{ sum: string }>(sql`select sum(n) as sum from unnest(${list(terms, 'integer')}) n`);

/** What the one session keeps, and how often it was run. */
const kept = () =>
  db.transaction((tx) =>
    tx.execute<{ name: string; runs: number }>(
      sql`select name, (generic_plans + custom_plans)::integer as runs from pg_prepared_statements`,
    ),
  );

describe('a statement', () => {
  test('is parsed by a session once, under a name that tells its text', async () => {
    await sum(1);
    expect(await sum(2)).toEqual([{ sum: '2' }]);
    expect(await kept()).toEqual([{ name: expect.stringMatching(/^mobula_[0-9a-f]{40}$/), runs: 2 }]);
  });

  test('of a batch is planned each time, for its length', async () => {
    expect(await sum(1, 2, 3, 4, 5, 6, 7, 8, 9)).toEqual([{ sum: '45' }]);
    expect(await kept()).toEqual([]);
  });

  test('in a transaction of the caller’s leaves nothing in the session', async () => {
    await db.transaction((tx) => tx.execute(sql`select ${1}::integer`));
    expect(await kept()).toEqual([]);
  });
});

describe('a session that does not know the name, as behind a pooler', () => {
  test('is sent the statement without, and from then on all', async () => {
    await sum(1);
    await db.transaction((tx) => tx.execute(sql`deallocate all`));
    expect(await sum(2)).toEqual([{ sum: '2' }]);
    expect(await sum(3)).toEqual([{ sum: '3' }]);
    expect(await kept()).toEqual([]);
  });

  test('is not what a statement means that is wrong itself', async () => {
    await expect(db.execute(sql`select 1 / ${0}::integer`)).rejects.toMatchObject({ code: '22012' });
    await sum(1);
    expect(await kept()).not.toEqual([]);
  });
});

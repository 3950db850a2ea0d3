import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { afterAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { connectDatabase } from '../../src/db/connect.ts';
import { migrate } from '../../src/db/migrate.ts';
import { migrations } from '../../src/db/migrations.ts';
import { isMigrated } from '../../src/db/ready.ts';
import { claim, enqueueOne, onlyOne } from './support.ts';

const made: string[] = [];
let url = '';

async function asAdmin(statement: string): Promise<void> {
  await query(inject('postgresUrl'), statement);
}

async function query(at: string, statement: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: at });
  await client.connect();
  try {
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}

// An empty database of its own for each test: it is the migration that is tested.
beforeEach(async () => {
  const name = `test_empty_${randomBytes(6).toString('hex')}`;
  await asAdmin(`create database ${name}`);
  made.push(name);
  url = Object.assign(new URL(inject('postgresUrl')), { pathname: `/${name}` }).href;
});
afterAll(async () => {
  for (const name of made) await asAdmin(`drop database ${name} with (force)`);
});

const isReady = async () => {
  const db = connectDatabase(url);
  try {
    return await isMigrated(db);
  } finally {
    await db.close();
  }
};

describe('migrating', () => {
  test('brings an empty database up to date, and says what it applied', async () => {
    expect(await isReady()).toBe(false);
    expect(await migrate(url)).toEqual(migrations.map(({ tag }) => tag));
    expect(await isReady()).toBe(true);
  });

  test('makes a database in which work can be done', async () => {
    await migrate(url);
    const db = connectDatabase(url);
    const id = await enqueueOne(db);
    expect(onlyOne(await claim(db)).id).toBe(id);
    await db.close();
  });

  test('again does nothing', async () => {
    await migrate(url);
    expect(await migrate(url)).toEqual([]);
  });

  test('by several at once is done by one of them', async () => {
    const applied = await Promise.all(Array.from({ length: 5 }, () => migrate(url)));
    expect(applied.filter((tags) => tags.length > 0)).toHaveLength(1);
    expect(await isReady()).toBe(true);
  });

  test('refuses a newer schema, and leaves it as it is', async () => {
    await migrate(url);
    await query(url, `insert into mobula.migrations (tag, created_at) values ('9999_future', 99999999999999)`);
    await expect(migrate(url)).rejects.toMatchObject({
      code: 'misconfigured',
      message: expect.stringContaining('newer schema'),
    });
    expect(await query(url, 'select tag from mobula.migrations order by tag')).toHaveLength(migrations.length + 1);
  });

  test('that fails leaves nothing behind', async () => {
    await query(url, `create schema mobula; create type mobula.task_form as enum ('in the way')`);
    await expect(migrate(url)).rejects.toThrow(/task_form/);
    expect(
      await query(url, `select 1 from pg_class c join pg_namespace n on n.oid = relnamespace where nspname = 'mobula'`),
    ).toEqual([]);
    expect(await isReady()).toBe(false);
  });
});

test('code goes on with a newer schema: migrations only add', async () => {
  await migrate(url);
  await query(url, `insert into mobula.migrations (tag, created_at) values ('9999_future', 99999999999999)`);
  expect(await isReady()).toBe(true);
});

test('a database where an older version ran is not ready', async () => {
  await migrate(url);
  await query(url, 'update mobula.migrations set created_at = 1');
  expect(await isReady()).toBe(false);
});

import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { afterAll, beforeAll, inject } from 'vitest';

/** A migrated database that nobody else uses. */
export interface TestDatabase {
  readonly url: string;
  /** Removes it, cutting whoever is still connected. */
  drop(): Promise<void>;
}

/** Makes one, as a clone of the migrated template. */
export async function createDatabase(): Promise<TestDatabase> {
  const name = `test_${randomBytes(6).toString('hex')}`;
  await asAdmin(`create database ${name} template mobula_template`);
  const url = new URL(inject('postgresUrl'));
  url.pathname = `/${name}`;
  return { url: url.href, drop: () => asAdmin(`drop database if exists ${name} with (force)`) };
}

/** One database for all tests of the file (or of the `describe`) that calls it; `url()` from the first test on. */
export function useDatabase(): { url(): string } {
  let database: TestDatabase | undefined;
  beforeAll(async () => {
    database = await createDatabase();
  });
  afterAll(() => database?.drop());
  return {
    url() {
      if (!database)
        throw new RangeError('The database is there from the first test on, not while tests are collected.');
      return database.url;
    },
  };
}

async function asAdmin(statement: string): Promise<void> {
  const client = new Client({ connectionString: inject('postgresUrl') });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

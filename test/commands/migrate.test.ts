import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { start } from './process.ts';

const name = `migrate_${randomBytes(6).toString('hex')}`;
const urlOf = (database: string) => Object.assign(new URL(inject('postgresUrl')), { pathname: `/${database}` }).href;

async function ask(url: string, statement: string) {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}

beforeAll(() => ask(inject('postgresUrl'), `create database ${name}`));
afterAll(() => ask(inject('postgresUrl'), `drop database ${name} with (force)`));

const migrate = async (env: Record<string, string>) => {
  const command = start('migrate', env);
  return { code: await command.ended(), out: command.stdout(), err: command.stderr() };
};

test('an empty database is brought up to date by whoever comes first, of three at once', async () => {
  const answers = await Promise.all([1, 2, 3].map(() => migrate({ DATABASE_URL: urlOf(name) })));
  expect(answers.map(({ code }) => code)).toEqual([0, 0, 0]);
  expect(answers.filter(({ out }) => out.startsWith('Applied: '))).toHaveLength(1);
  expect(answers.filter(({ out }) => out.includes('up to date'))).toHaveLength(2);
  expect(await ask(urlOf(name), 'select count(*)::int as n from mobula.executions')).toEqual([{ n: 0 }]);
});

test('again it has nothing to do', async () => {
  expect(await migrate({ MOBULA_DATABASE_URL: urlOf(name) })).toMatchObject({
    code: 0,
    out: 'The database is up to date.\n',
    err: '',
  });
});

test('a newer schema is refused, and left alone', async () => {
  await ask(urlOf(name), `insert into mobula.migrations values ('9999_future', 99999999999999)`);
  const { code, out, err } = await migrate({ DATABASE_URL: urlOf(name) });
  expect([code, out]).toEqual([1, '']);
  expect(err).toContain('newer schema');
});

test.each([
  ['without an address', {}, 'DATABASE_URL is required'],
  ['where nobody answers', { DATABASE_URL: 'postgres://someone:canary-password@127.0.0.1:1/none' }, 'was not migrated'],
])('%s it says so, without the password', async (_, env, words) => {
  const { code, err } = await migrate(env as Record<string, string>);
  expect(code).toBe(1);
  expect(err).toContain(words);
  expect(err).not.toContain('canary');
});

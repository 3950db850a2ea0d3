import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest';
import { migrate } from '../../src/db/migrate.ts';
import { migrations } from '../../src/db/migrations.ts';
import { succeeded, useDriver } from '../functions/driven.ts';
import { tasks } from '../functions/tasks.ts';
import { makeEngine, type TestEngine } from '../support/engine.ts';
import { enqueue, look } from '../support/fresh.ts';

const roles = ['mobula_migrator', 'mobula_app', 'mobula_reader'] as const;
type Role = (typeof roles)[number];

/** No superuser: clouds give nobody that. */
const owner = 'owner_of_the_roles_test';
const name = `test_roles_${randomBytes(6).toString('hex')}`;
const password = randomBytes(12).toString('hex');
const driver = useDriver();
const open: TestEngine[] = [];

const urlAs = (role: Role | typeof owner): string =>
  Object.assign(new URL(inject('postgresUrl')), { pathname: `/${name}`, username: role, password }).href;

async function ask(url: string, statement: string): Promise<Record<string, unknown>[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(statement)).rows;
  } finally {
    await client.end();
  }
}

const asAdmin = (statement: string) => ask(inject('postgresUrl'), statement);

async function grantRoles(): Promise<void> {
  await ask(urlAs(owner), await readFile(join(import.meta.dirname, '../../infra/postgres/roles.sql'), 'utf8'));
}

beforeAll(async () => {
  await asAdmin(`create role ${owner} login createrole password '${password}'`);
  await asAdmin(`create database ${name} owner ${owner}`);
  await grantRoles();
  for (const role of roles) await ask(urlAs(owner), `alter role ${role} password '${password}'`);
});
afterEach(async () => {
  await Promise.all(open.splice(0).map((app) => app.close()));
});
afterAll(async () => {
  await asAdmin(`drop database ${name} with (force)`);
  await asAdmin(`drop role ${[...roles, owner].join()}`);
});

const as = (role: Role, env = {}): TestEngine => {
  const app = makeEngine({ url: urlAs(role), tasks, ray: driver.ray(), env });
  open.push(app);
  return app;
};

test('the migrator makes the schema, twice if need be, and the roles may be granted again at any time', async () => {
  expect(await migrate(urlAs('mobula_migrator'))).toEqual(migrations.map(({ tag }) => tag));
  await grantRoles();
  expect(await migrate(urlAs('mobula_migrator'))).toEqual([]);
});

test('a role of that name which may more than it should is not taken for ours', async () => {
  await asAdmin('alter role mobula_reader bypassrls');
  await expect(grantRoles()).rejects.toThrow('The role mobula_reader is there, and may more than it should.');
  await asAdmin('alter role mobula_reader nobypassrls');
});

describe('as the app’s role', () => {
  test('tasks run here, fail, are tried again, cancelled and purged', async () => {
    const app = as('mobula_app', { MOBULA_MAX_TASK_ATTEMPTS: '1' });
    expect((await app.call('GET', '/readyz')).status).toBe(200);
    const noted = await enqueue(app, 'note', { value: 1 });
    const failed = await enqueue(app, 'fail', {});
    const later = await enqueue(app, 'note', { value: 2 }, { delay_seconds: 60 });
    const key = { headers: { 'idempotency-key': 'once' } };
    const wish = { task: 'note', input: { value: 3 } };
    const twice = [await app.call('POST', '/tasks', wish, key), await app.call('POST', '/tasks', wish, key)];
    expect(twice.map(({ status }) => status)).toEqual([201, 200]);
    expect((await app.call('POST', '/run', {})).body).toMatchObject({ processed: 3, completed: 3 });
    expect((await look(app, noted.id)).state).toBe('SUCCEEDED');
    expect((await app.call('GET', `/executions/${noted.id}/result`)).text).toBe('1');
    expect((await app.call('POST', `/executions/${failed.id}/retry`, {})).status).toBe(202);
    expect((await app.call('POST', `/executions/${later.id}/cancel`, {})).status).toBe(202);
    expect((await app.call('POST', '/executions/reset', { state: 'CANCELLED' })).body).toEqual({ reset: 1 });
    expect((await app.call('DELETE', `/executions/${noted.id}`)).status).toBeLessThan(300);
    expect((await app.call('GET', '/executions/stats')).status).toBe(200);
    const purged = await app.call('POST', '/purge', { days: 0, failed_days: 0 });
    expect(purged.status, purged.text).toBe(200);
  });

  test('tasks run on Ray, with a result by reference', async () => {
    const app = as('mobula_app', { ...driver.filesystem(), MOBULA_MAX_RESULT_SIZE_BYTES: '1024' });
    const { id, url, capability } = await driver.begin(app);
    expect((await app.call('POST', `${url}/beat`, { progress: 0.5 }, { token: capability })).status).toBe(200);
    expect((await app.call('POST', `${url}/complete`, succeeded, { token: capability })).status).toBe(200);
    expect((await look(app, id)).state).toBe('SUCCEEDED');
    const { id: large } = await enqueue(app, 'note', { value: 'x'.repeat(5_000) });
    await app.call('POST', '/run', {});
    expect(await look(app, large)).toMatchObject({ state: 'SUCCEEDED', result_state: 'stored' });
    expect((await app.call('POST', '/purge', { days: 0 })).body).toMatchObject({ results_deleted: 1 });
  });

  test.each([
    ['make a table', 'create table mobula.more (id int)'],
    ['make one elsewhere', 'create table public.more (id int)'],
    ['change a table', 'alter table mobula.executions add column more int'],
    ['drop a table', 'drop table mobula.executions'],
    ['empty a table at a stroke', 'truncate mobula.executions'],
    ['drop the schema', 'drop schema mobula cascade'],
    ['replace the clock', `create or replace function mobula.clock() returns timestamptz language sql return 'epoch'`],
    ['claim that a migration was applied', `insert into mobula.migrations values ('9999_more', 9)`],
    ['run a program', `copy mobula.executions to program 'cat'`],
    ['read a file of the server', `copy mobula.executions from '/etc/passwd'`],
    ['read passwords', 'select * from pg_authid'],
    ['make itself more than it is', 'alter role mobula_app superuser'],
    ['make roles', 'create role more'],
    ['become the owner', 'set role mobula_migrator'],
    ['end what others do', `select pg_terminate_backend(pid) from pg_stat_activity where usename = 'postgres'`],
  ])('nobody can %s', async (_, statement) => {
    await expect(ask(urlAs('mobula_app'), statement)).rejects.toThrow(/permission denied|must be|not permitted/i);
  });

  test('no statement and no transaction lasts for ever', async () => {
    const bounds = ['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout'];
    const statement = `select ${bounds.map((bound) => `current_setting('${bound}') as ${bound}`).join()}`;
    const [set] = await ask(urlAs('mobula_app'), statement);
    expect(set).toEqual({ statement_timeout: '30s', lock_timeout: '10s', idle_in_transaction_session_timeout: '1min' });
  });
});

describe('as the reader’s role', () => {
  test('everything can be looked at, and nothing can be changed', async () => {
    const { id } = await enqueue(as('mobula_app'), 'note', { value: 'seen' });
    await as('mobula_app').call('POST', '/run', {});
    const app = as('mobula_reader');
    const looks = ['/readyz', `/status/${id}`, '/executions', '/executions/stats', `/executions/${id}`];
    for (const path of [...looks, `/executions/${id}/result`])
      expect([path, (await app.call('GET', path)).status]).toEqual([path, 200]);
    const refused = await app.call('POST', '/tasks', { task: 'note', input: { value: 1 } });
    expect(refused.status).toBeGreaterThanOrEqual(500);
    expect(refused.text).not.toMatch(/permission|mobula\./);
    await expect(ask(urlAs('mobula_reader'), 'delete from mobula.executions')).rejects.toThrow(
      /permission denied|read-only/,
    );
  });
});

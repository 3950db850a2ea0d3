import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { expect, onTestFinished, test } from 'vitest';
import { startPostgres } from '../../infra/local/postgres.ts';
import { processesUnder } from '../../infra/local/processes.ts';
import { createDatabase } from '../support/database.ts';

async function ask(url: string, statement: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query({ text: statement, rowMode: 'array' })).rows.flat();
  } finally {
    await client.end();
  }
}

test('two servers at once have a port each, take the settings that are asked for, and leave nothing', async () => {
  const servers = await Promise.all([startPostgres({ settings: { fsync: 'on' } }), startPostgres()]);
  onTestFinished(async () => void (await Promise.all(servers.map((server) => server.stop()))));
  const [durable, fast] = servers;
  expect(durable.port).not.toBe(fast.port);
  expect(await ask(durable.url(), 'show fsync')).toEqual(['on']);
  expect(await ask(fast.url(), 'show fsync')).toEqual(['off']);
  expect(await ask(fast.url(), 'show max_connections')).toEqual(['200']);
  const folders = servers.map(({ pid }) => readlinkSync(`/proc/${pid}/cwd`));

  await Promise.all(servers.map((server) => server.stop()));

  expect(servers.flatMap(({ pid }) => processesUnder(pid))).toEqual([]);
  expect(folders.filter((folder) => existsSync(folder))).toEqual([]);
});

test('nobody gets in without the password', async () => {
  const server = await startPostgres();
  onTestFinished(() => server.stop());
  const url = new URL(server.url());
  url.password = 'guessed';
  await expect(ask(url.href, 'select 1')).rejects.toThrow('password authentication failed');
});

test('a data folder is kept from one start to the next, and takes one server at a time', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'mobula data '));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const dataDir = join(folder, 'deep/postgres');

  const first = await startPostgres({ dataDir });
  onTestFinished(() => first.stop());
  await ask(first.url(), 'create table kept as select 42 as number');
  await expect(startPostgres({ dataDir })).rejects.toThrow('lock file "postmaster.pid" already exists');
  await first.stop();

  const second = await startPostgres({ dataDir });
  onTestFinished(() => second.stop());
  expect(await ask(second.url(), 'select number from kept')).toEqual([42]);
  await second.stop();
  expect(readdirSync(join(folder, 'deep'))).toEqual(['postgres']);
});

test.each(['SIGKILL', 'SIGTERM', 'SIGINT'] as const)(
  'a server ends with whoever started it, by %s too',
  async (signal) => {
    const module = new URL('../../infra/local/postgres.ts', import.meta.url).href;
    const script = `const { startPostgres } = await import(${JSON.stringify(module)});
    console.log((await startPostgres()).pid); setInterval(() => {}, 1000);`;
    const starter = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const pid = Number(String((await once(starter.stdout, 'data'))[0]));
    const folder = readlinkSync(`/proc/${pid}/cwd`);

    starter.kill(signal);

    await expect.poll(() => processesUnder(pid), { timeout: 10_000 }).toEqual([]);
    await expect.poll(() => existsSync(folder), { timeout: 10_000 }).toBe(false);
  },
);

test('a test database is a migrated clone, and is gone when dropped', async () => {
  const database = await createDatabase();
  expect(await ask(database.url, "select to_regclass('mobula.executions') is not null")).toEqual([true]);
  await database.drop();
  await expect(ask(database.url, 'select 1')).rejects.toThrow('does not exist');
});

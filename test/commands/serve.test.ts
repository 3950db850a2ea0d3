import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { type Command, start } from './process.ts';

const database = useDatabase();
const token = 'token-of-all-scopes-for-the-tests-0123';
const tokens = Object.fromEntries(
  ['TRIGGER', 'ENQUEUE', 'READ', 'ADMIN'].map((scope) => [
    `MOBULA_${scope}_TOKENS`,
    scope === 'ADMIN' ? token : `${scope}-${token}`,
  ]),
);

let folder: string;
const started: Command[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mobula-serve-'));
  await writeFile(
    join(folder, 'tasks.ts'),
    `import { task } from 'mobula';
     import * as z from 'zod';
     export const nap = task({ name: 'nap', input: z.object({ ms: z.number() }), run: ({ ms }) => new Promise((resolve) => setTimeout(resolve, ms, 'rested')) });
     export const litter = task({ name: 'litter', input: z.object({}), run: () => { Promise.reject(new Error('Left behind.')); return 'done'; } });`,
  );
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(async () => {
  for (const { child } of started.splice(0)) if (child.exitCode === null) child.kill('SIGKILL');
});

/** Serves the tasks of the temporary folder, where nothing is installed. */
function serve(env: Record<string, string> = {}): Command {
  const command = start(
    'serve',
    { DATABASE_URL: database.url(), PORT: '0', MOBULA_TASKS: 'tasks.ts', ...tokens, ...env },
    folder,
  );
  started.push(command);
  return command;
}

const urlOf = async (command: Command): Promise<string> => JSON.parse(await command.firstLine()).url;

async function call(url: string, method: string, path: string, body?: unknown) {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const response = await fetch(url + path, {
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: JSON.parse(await response.text()) };
}

const enqueueNap = async (url: string, ms: number): Promise<string> =>
  (await call(url, 'POST', '/tasks', { task: 'nap', input: { ms } })).body.task.id;

const logged = (command: Command) =>
  command
    .stderr()
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('serving', () => {
  test('its one line on stdout says where it listens, its log is JSON lines, and it ends with 0', async () => {
    const command = serve();
    const line = JSON.parse(await command.firstLine());
    expect(line).toEqual({ event: 'listening', url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) });
    expect((await fetch(`${line.url}/readyz`)).status).toBe(200);
    const id = await enqueueNap(line.url, 1);
    expect((await call(line.url, 'POST', '/run', {})).body.tasks).toMatchObject([{ id, state: 'SUCCEEDED' }]);
    command.child.kill('SIGTERM');
    expect(await command.ended()).toBe(0);
    expect(command.stdout().trim().split('\n')).toHaveLength(1);
    for (const entry of logged(command))
      expect(entry).toMatchObject({
        time: expect.any(String),
        severity: expect.any(String),
        message: expect.any(String),
      });
  });

  test('a promise that a task leaves behind and that fails is said in the log, and ends nothing else', async () => {
    const command = serve();
    const url = await urlOf(command);
    await call(url, 'POST', '/tasks', { task: 'litter', input: {} });
    expect((await call(url, 'POST', '/run', {})).body.tasks).toMatchObject([{ state: 'SUCCEEDED' }]);
    expect((await fetch(`${url}/livez`)).status).toBe(200);
    expect(logged(command)).toContainEqual(
      expect.objectContaining({ message: 'unhandled_rejection', error: expect.stringContaining('Left behind.') }),
    );
  });

  test('with nothing configured it says what to set, and all but /livez and /readyz is closed', async () => {
    const closed = Object.fromEntries(Object.keys(tokens).map((name) => [name, '']));
    const command = serve(closed);
    const url = await urlOf(command);
    expect((await call(url, 'POST', '/run', {})).status).toBe(401);
    expect((await fetch(`${url}/livez`)).status).toBe(200);
    const said = logged(command).flatMap(({ set }) => set ?? []);
    expect(said).toEqual(expect.arrayContaining([...Object.keys(tokens), 'MOBULA_SECRET']));
  });

  test('a port that is taken is exit 1, said on stderr alone', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    const command = serve({ PORT: String(port) });
    expect(await command.ended()).toBe(1);
    expect(command.stdout()).toBe('');
    expect(logged(command).at(-1)).toMatchObject({ severity: 'ERROR', reason: expect.stringContaining('EADDRINUSE') });
    other.close();
  });

  test('a database that is away does not keep it from starting', async () => {
    const command = serve({ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' });
    const url = await urlOf(command);
    expect([(await fetch(`${url}/livez`)).status, (await fetch(`${url}/readyz`)).status]).toEqual([200, 503]);
  });
});

describe('wrong settings', () => {
  test('are told all together, by name and never by value, and are exit 1', async () => {
    const command = start('serve', {
      PORT: '0',
      MOBULA_DEFAULT_CONCURENCY: '5',
      MOBULA_RETRY_JITTER: '2',
      MOBULA_SECRET: 'canary-short-secret',
      MOBULA_ADMIN_TOKENS: 'canary-token',
      MOBULA_TEST_ANYTHING: 'is the business of tests',
      RAY_ADDRESS: 'ray://canary-host:10001',
    });
    expect(await command.ended()).toBe(1);
    expect(command.stdout()).toBe('');
    const said = command.stderr();
    for (const words of [
      'DATABASE_URL is required',
      'MOBULA_DEFAULT_CONCURENCY is not a setting; did you mean MOBULA_DEFAULT_CONCURRENCY?',
      'MOBULA_RETRY_JITTER must be at most 1',
      'MOBULA_SECRET must have at least 32 bytes',
      'MOBULA_ADMIN_TOKENS must have at least 32 characters',
      'RAY_ADDRESS must be',
    ]) {
      expect(said).toContain(words);
    }
    expect(said).not.toContain('canary');
    expect(said).not.toContain('MOBULA_TEST_ANYTHING');
  });

  test.each([
    ['a database address that is none', { DATABASE_URL: 'canary-no-url' }, 'DATABASE_URL must be a URL'],
    ['a port that is none', { PORT: '70000' }, 'PORT'],
    ['tasks that are not there', { MOBULA_TASKS: 'nowhere.ts' }, 'nowhere.ts'],
  ])('%s', async (_, env, words) => {
    const command = serve(env as unknown as Record<string, string>);
    expect(await command.ended()).toBe(1);
    expect(command.stderr()).toContain(words);
    expect(command.stderr()).not.toContain('canary');
  });
});

describe('SIGTERM', () => {
  const stopped = async (command: Command) => {
    const startedAt = performance.now();
    command.child.kill('SIGTERM');
    const code = await command.ended();
    return { code, seconds: (performance.now() - startedAt) / 1_000 };
  };

  test('finishes what runs, over a connection that is kept alive', async () => {
    const command = serve();
    const url = await urlOf(command);
    const id = await enqueueNap(url, 2_000);
    const agent = new Agent({ keepAlive: true });
    const answer = new Promise<number | undefined>((resolve, reject) => {
      const headers = { authorization: `Bearer ${token}` };
      const sent = request(`${url}/execute/${id}`, { method: 'POST', agent, headers }, (response) => {
        response.resume().on('end', () => resolve(response.statusCode));
      });
      sent.on('error', reject).end();
    });
    await expect.poll(async () => (await call(url, 'GET', `/status/${id}`)).body.task.state).toBe('RUNNING');
    const { code, seconds } = await stopped(command);
    expect([await answer, code]).toEqual([200, 0]);
    expect(seconds).toBeLessThan(10);
    agent.destroy();
    const client = new Client({ connectionString: database.url() });
    await client.connect();
    const { rows } = await client.query('select state from mobula.executions where id = $1', [id]);
    await client.end();
    expect(rows).toEqual([{ state: 'SUCCEEDED' }]);
  });

  test('hands back what was claimed and has not begun', async () => {
    const command = serve({ MOBULA_DEFAULT_CONCURRENCY: '1' });
    const url = await urlOf(command);
    // Quick ones make the claims grow, so that many are held when the slow one runs.
    for (let n = 0; n < 25; n += 1) await enqueueNap(url, n < 20 ? 1 : 3_000);
    const running = call(url, 'POST', '/run', {});
    const client = new Client({ connectionString: database.url() });
    await client.connect();
    const states = async () =>
      (
        await client.query(
          "select state, attempt, max_attempts from mobula.executions where enqueued_at > now() - interval '1 minute' and task = 'nap'",
        )
      ).rows;
    await expect
      .poll(async () => (await states()).filter(({ state }) => state === 'RUNNING').length)
      .toBeGreaterThan(1);
    const { code, seconds } = await stopped(command);
    expect([(await running).status, code]).toEqual([200, 0]);
    expect(seconds).toBeLessThan(10);
    const left = await states();
    await client.end();
    expect(left.filter(({ state }) => state === 'RUNNING')).toHaveLength(0);
    for (const row of left.filter(({ state }) => state === 'QUEUED')) expect(row.max_attempts - row.attempt).toBe(3);
  });

  test('does not wait for a poller', async () => {
    const command = serve();
    const url = await urlOf(command);
    const id = await enqueueNap(url, 1);
    const polling = call(url, 'GET', `/status/${id}?wait=60`);
    await new Promise((resolve) => setTimeout(resolve, 200));
    const { code, seconds } = await stopped(command);
    expect([(await polling).status, code]).toEqual([200, 0]);
    expect(seconds).toBeLessThan(30);
  });

  test('takes no more calls', async () => {
    const command = serve();
    const url = await urlOf(command);
    await stopped(command);
    await expect(fetch(`${url}/livez`)).rejects.toThrow();
  });
});

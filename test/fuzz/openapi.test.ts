import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { ensureFuzzer, fuzzer } from '../../infra/local/fuzzer.ts';
import { useDatabase } from '../support/database.ts';
import { type Server, startServer, token } from '../support/server.ts';

const missing = await ensureFuzzer((line) => process.stderr.write(`${line}\n`));
const database = useDatabase();
let server: Server;
let folder: string;

beforeAll(async () => {
  if (missing) return;
  folder = await mkdtemp(join(tmpdir(), 'mobula-fuzz-'));
  server = await startServer({
    DATABASE_URL: database.url(),
    MOBULA_INVOCATION_SECONDS: '2',
    CRON_SECRET: 'the-cron-secret-of-the-tests-0123456789',
    MOBULA_CORS_ORIGINS: 'https://app.test',
    MOBULA_QUEUES: '*',
  });
});
afterAll(async () => {
  await server?.stop();
  if (folder) await rm(folder, { recursive: true });
});

/**
 * One check is left out, for it holds that what fits the document is accepted: which tasks there are, and which of two
 * instants may be given, a schema does not say.
 */
const checks = ['--checks', 'all', '--exclude-checks', 'positive_data_acceptance'];

interface Ran {
  readonly code: number;
  readonly output: string;
}

/** Sends some thousand calls by the served document; `id` is what every path has in its place of one. */
async function fuzz(id: string | null, seed: number): Promise<Ran> {
  const config = join(folder, `${seed}.toml`);
  await writeFile(config, id === null ? '' : `[parameters]\n"path.id" = "${id}"\n`);
  const bounds = ['--max-examples', '6', '--max-time', '25', '--seed', String(seed), '--workers', '1', '--no-color'];
  const url = `${server.url}/openapi.json`;
  const args = ['--config-file', config, 'run', url, '-H', `Authorization: Bearer ${token}`, ...checks, ...bounds];
  return new Promise((resolve) => {
    const options = { cwd: folder, env: { PATH: '/usr/bin:/bin', HOME: folder }, maxBuffer: 2 ** 26 };
    execFile(fuzzer.command, [fuzzer.program, ...args], options, (error, stdout, stderr) => {
      const code = error && typeof error.code === 'number' ? error.code : 0;
      resolve({ code: error?.killed ? 1 : code, output: stdout + stderr });
    });
  });
}

describe.skipIf(missing)(`a fuzzer that knows the document${missing ? ` (${missing.missing})` : ''}`, () => {
  test('finds no answer that the document does not have, no 500, and no call that is let in without its proof', async () => {
    const { code, output } = await fuzz(null, 1);
    expect(code, output).toBe(0);
    expect(output).toMatch(/[1-9]\d{2,} generated/);
  }, 120_000);

  test('finds none either about an execution that is there', async () => {
    const { json } = await server.call('POST', '/tasks', { task: 'add_numbers', input: { a: 1, b: 2 } });
    await server.call('POST', `/execute/${json.task.id}`);
    const { code, output } = await fuzz(json.task.id, 2);
    expect(code, output).toBe(0);
  }, 120_000);

  test('has left the server well, and nothing in its log that is its own fault', async () => {
    expect((await server.call('GET', '/health')).status).toBe(200);
    expect(server.log()).not.toContain('"code":"internal"');
  });
});

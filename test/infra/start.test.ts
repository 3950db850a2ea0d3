import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

const repository = join(import.meta.dirname, '../..');
let clone: string;

/** A clone that needs one package, with a command that echoes, and an npm that installs it without a network. */
beforeEach(() => {
  clone = mkdtempSync(join(tmpdir(), 'mobula a clone '));
  for (const file of ['commands/start.mjs', 'infra/local/lock.mjs']) cpSync(join(repository, file), join(clone, file));
  writeFileSync(join(clone, 'package.json'), '{ "type": "module" }');
  want('1.0.0');
  writeFileSync(
    join(clone, 'commands/echo.ts'),
    `const args: string[] = process.argv.slice(2);
    if (args[0] === 'tidy') process.on('SIGTERM', () => { console.log('tidied'); process.exit(0); });
    console.log(JSON.stringify(args));
    if (args[0] === 'exit') process.exit(Number(args[1]));
    if (args[0] === 'wait' || args[0] === 'tidy') setInterval(() => {}, 1000);`,
  );
  mkdirSync(join(clone, 'npm'));
  writeFileSync(
    join(clone, 'npm/npm-cli.js'),
    `import { appendFileSync, cpSync, mkdirSync } from 'node:fs';
    console.log('noise on stdout');
    appendFileSync('calls', process.argv[2] + ' ');
    if (process.env.NPM_FAILS) { console.error('npm error nothing works'); process.exit(7); }
    mkdirSync('node_modules', { recursive: true });
    setTimeout(() => cpSync('package-lock.json', 'node_modules/.package-lock.json'), 100);`,
  );
});
afterEach(() => rmSync(clone, { recursive: true }));

const want = (version: string) =>
  writeFileSync(
    join(clone, 'package-lock.json'),
    JSON.stringify({
      packages: { '': {}, 'node_modules/a': { version }, 'node_modules/b': { version, optional: true } },
    }),
  );

function start(args: string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [join(clone, 'commands/start.mjs'), ...args], {
    env: { ...process.env, npm_execpath: join(clone, 'npm/npm-cli.js'), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const said = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => (said.stdout += chunk));
  child.stderr.on('data', (chunk) => (said.stderr += chunk));
  const ended = once(child, 'close').then(([code]) => ({ code, ...said }));
  return { child, ended };
}

test('packages are installed once by processes that start at once, and only the command speaks on stdout', async () => {
  const outcomes = await Promise.all(['x', 'y', 'z'].map((word) => start(['echo', word]).ended));
  expect(outcomes.map(({ code }) => code)).toEqual([0, 0, 0]);
  expect(outcomes.map(({ stdout }) => stdout)).toEqual(['["x"]\n', '["y"]\n', '["z"]\n']);
  expect(outcomes.map(({ stderr }) => stderr).join('')).toContain('Installing packages (once)…\n');
  expect(readFileSync(join(clone, 'calls'), 'utf8')).toBe('install ');
});

test('packages are installed again when other versions are wanted, and not before', async () => {
  await start(['echo']).ended;
  const { stderr } = await start(['echo']).ended;
  expect(stderr).toBe('');
  want('2.0.0');
  await start(['echo']).ended;
  expect(readFileSync(join(clone, 'calls'), 'utf8')).toBe('install install ');
});

test("npm's words are shown when it fails", async () => {
  const { code, stdout, stderr } = await start(['echo'], { NPM_FAILS: '1' }).ended;
  expect({ code, stdout }).toEqual({ code: 7, stdout: '' });
  expect(stderr).toContain('npm error nothing works');
});

test('the exit code is the command’s', async () => {
  expect((await start(['echo', 'exit', '5']).ended).code).toBe(5);
});

test('a signal reaches the command, which may end as it likes', async () => {
  const { child, ended } = start(['echo', 'tidy']);
  await once(child.stdout, 'data');
  child.kill('SIGTERM');
  expect(await ended).toMatchObject({ code: 0, stdout: '["tidy"]\ntidied\n' });
});

test('a command that a signal ends has the exit code that a shell would give it', async () => {
  const { child, ended } = start(['echo', 'wait']);
  await once(child.stdout, 'data');
  child.kill('SIGINT');
  expect((await ended).code).toBe(130);
});

test('a command that is not there is answered with those that are', async () => {
  const { code, stdout, stderr } = await start(['sing']).ended;
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toBe('There is no command "sing". There are: echo.\n');
});

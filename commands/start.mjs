// @ts-check
// `node commands/start.mjs <command> [arguments]` makes a fresh clone ready and runs commands/<command>.ts. Plain
// JavaScript for any Node from 20 on, because the Node that runs TypeScript comes with the packages installed here.
// Nothing is written to stdout: that belongs to the command.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { basename, delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const packages = join(root, 'node_modules');

if (Number(process.versions.node.split('.')[0]) < 20) {
  leave(1, `Mobula needs Node 20 or newer to start; this is Node ${process.versions.node}.`);
}
const [command = '', ...rest] = process.argv.slice(2);
const commands = readdirSync(join(root, 'commands'))
  .filter((file) => file.endsWith('.ts'))
  .map((file) => basename(file, '.ts'));
if (!commands.includes(command)) {
  leave(2, `There is no command "${command}". There are: ${commands.join(', ')}.`);
}
await ensurePackages();
await run(findNode(), [join(root, 'commands', `${command}.ts`), ...rest]);

/** Installs the packages that package-lock.json names, unless they are there; once, if several processes ask at once. */
async function ensurePackages() {
  if (areInstalled()) return;
  const { withLock } = await import('../infra/local/lock.mjs');
  const onWait = () => say('Waiting for another process that is installing the packages…');
  const lock = join(root, '.mobula', 'install.lock');
  const code = await withLock(lock, () => (areInstalled() ? 0 : install()), { onWait });
  if (code !== 0) leave(code, 'npm could not install the packages.');
}

/** npm notes what it has installed in node_modules/.package-lock.json, as its last act. */
function areInstalled() {
  const note = join(packages, '.package-lock.json');
  if (!existsSync(note)) return false;
  const wanted = packagesIn(join(root, 'package-lock.json'));
  const present = packagesIn(note);
  return Object.entries(wanted).every(([path, { version, optional }]) => {
    if (path === '') return true;
    return present[path] ? present[path].version === version : optional === true;
  });
}

/** @param {string} file @returns {Record<string, { version: string, optional?: boolean }>} */
function packagesIn(file) {
  return JSON.parse(readFileSync(file, 'utf8')).packages;
}

/**
 * Not `npm ci`, which refuses a lock that lacks packages for other machines than ours: a registry may not have them.
 *
 * @returns {Promise<number>} npm's exit code
 */
async function install() {
  say('Installing packages (once)…');
  const startedAt = Date.now();
  // The npm that runs us, if one does; dev and optional packages also where NODE_ENV or npm's settings leave them out.
  const npm = process.env.npm_execpath ?? '';
  const [program, first] = basename(npm) === 'npm-cli.js' ? [process.execPath, [npm]] : ['npm', []];
  const options = ['--include=dev', '--include=optional', '--no-audit', '--no-fund', '--loglevel=error'];
  const child = spawn(program, [...first, 'install', '--no-save', ...options], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (said += chunk));
  const code = await ended(child);
  say(code === 0 ? `Installed packages in ${Math.round((Date.now() - startedAt) / 1000)} s.` : said);
  return code;
}

/** The Node that came with the packages; else the one that runs us, if it runs TypeScript by itself. */
function findNode() {
  const ours = join(packages, '.bin', 'node');
  if (spawnSync(ours, ['--version']).status === 0) return ours;
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  if (major > 22 || (major === 22 && minor >= 18)) return process.execPath;
  leave(
    1,
    `There is no Node for this machine among the packages, and Node ${process.versions.node} is too old: bring 24.`,
  );
}

/** @param {string} node @param {string[]} args */
async function run(node, args) {
  const path = [join(packages, '.bin'), process.env.PATH].join(delimiter);
  const env = { ...process.env, PATH: path };
  const child = spawn(node, ['--disable-warning=ExperimentalWarning', ...args], { stdio: 'inherit', env });
  process.exit(await ended(child));
}

/**
 * The exit code of a child, told as a shell does when a signal ended it. Meanwhile our signals are its signals: but what
 * a terminal sends has reached it already, since it goes to all in the foreground.
 *
 * @param {import('node:child_process').ChildProcess} child @returns {Promise<number>}
 */
function ended(child) {
  for (const name of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(name, () => {
      const isFromTerminal = name !== 'SIGTERM' && process.stdin.isTTY;
      if (!isFromTerminal) child.kill(name);
    });
  }
  return new Promise((resolve) => {
    child.once('error', (error) => leave(1, `${child.spawnfile} could not be started: ${error.message}`));
    child.once('close', (code, signal) => resolve(signal ? 128 + constants.signals[signal] : (code ?? 1)));
  });
}

/** @param {string} line */
function say(line) {
  process.stderr.write(`${line}\n`);
}

/** @param {number} code @param {string} line @returns {never} */
function leave(code, line) {
  say(line);
  process.exit(code);
}

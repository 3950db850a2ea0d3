import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { cloneFolder } from '../infra/local/clone.ts';
import { withLock } from '../infra/local/lock.mjs';

const folder = import.meta.dirname;

/** The queues we are measured beside, in the versions of bench/package-lock.json. */
export const peers: Readonly<Record<string, string>> = readJson('package.json').dependencies;

/** Has the peers in bench/node_modules, where the product never looks; seconds and 20 MB of disk the first time. */
export function installPeers(say: (line: string) => void): Promise<void> {
  return withLock(join(cloneFolder, 'bench.lock'), async () => {
    if (areInstalled()) return;
    say('Installing the other queues into bench/node_modules (once)…');
    // The npm that runs us, if one does.
    const npm = process.env['npm_execpath'] ?? '';
    const [program, first] = basename(npm) === 'npm-cli.js' ? [process.execPath, [npm]] : ['npm', []];
    const args = [...first, 'ci', '--no-audit', '--no-fund', '--loglevel=error'];
    const child = spawn(program, args, { cwd: folder, stdio: ['ignore', 'ignore', 'inherit'] });
    const [code] = await once(child, 'close');
    if (code !== 0) throw new Error('npm could not install the other queues.');
  });
}

/** npm notes what it has installed as its last act. */
function areInstalled(): boolean {
  const note = 'node_modules/.package-lock.json';
  if (!existsSync(join(folder, note))) return false;
  const present = readJson(note).packages;
  return Object.entries(peers).every(([name, version]) => present[`node_modules/${name}`]?.version === version);
}

// biome-ignore lint/suspicious/noExplicitAny: npm's own files.
function readJson(file: string): any {
  return JSON.parse(readFileSync(join(folder, file), 'utf8'));
}

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { createTestHarness } from 'wrangler';

/** Of the sample deployment, minified. Past them, look at what has come in: `wrangler deploy --dry-run --metafile`. */
const kibibytesMax = 850;
const zippedKibibytesMax = 280;
/** From a new isolate to its first answer; Cloudflare refuses a Worker that takes a second to start. */
const startMsMax = 500;

/** What must never come along: clients that do not work on workerd. */
const foreign = /node_modules\/(@aws-sdk|@google-cloud|@hono\/node-server)\//;

interface Bundle {
  readonly kibibytes: number;
  readonly zippedKibibytes: number;
  readonly startMs: number;
  readonly foreign: readonly string[];
}

/** Bundles the Worker as a deployment would, without one, and holds its size and its start below their ceilings. */
export async function checkWorkerBundle(root: string): Promise<{ code: number; output: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'mobula-bundle-'));
  try {
    const { code, output } = await bundle(root, folder);
    if (code !== 0) return { code, output };
    const { kibibytes, zippedKibibytes, startMs, foreign } = await measure(root, folder);
    const said = `${kibibytes} KiB (${kibibytesMax}), zipped ${zippedKibibytes} KiB (${zippedKibibytesMax}), first answer after ${startMs} ms (${startMsMax})`;
    const isOver = kibibytes > kibibytesMax || zippedKibibytes > zippedKibibytesMax || startMs > startMsMax;
    const isWrong = isOver || foreign.length > 0;
    return {
      code: isWrong ? 1 : 0,
      output: `The Worker: ${said}.\n${foreign.map((path) => `In it: ${path}\n`).join('')}`,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function bundle(root: string, folder: string): Promise<{ code: number; output: string }> {
  const wrangler = join(root, 'node_modules/wrangler/bin/wrangler.js');
  const args = [wrangler, 'deploy', '--dry-run', '--minify', '--metafile', `--outdir=${folder}`];
  const env = { ...process.env, WRANGLER_SEND_METRICS: 'false', CI: '1' };
  const child = spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += chunk));
  const [code] = await once(child, 'close');
  return { code: code ?? 1, output };
}

async function measure(root: string, folder: string): Promise<Bundle> {
  const script = await readFile(join(folder, 'worker.js'));
  const meta = JSON.parse(await readFile(join(folder, 'bundle-meta.json'), 'utf8'));
  return {
    kibibytes: Math.round(script.length / 1_024),
    zippedKibibytes: Math.round(gzipSync(script).length / 1_024),
    startMs: await measureStart(root, folder),
    foreign: Object.keys(meta.inputs).filter((path) => foreign.test(path)),
  };
}

/** The best of three, since others may be busy on this machine. */
async function measureStart(root: string, folder: string): Promise<number> {
  const configPath = join(root, 'wrangler.toml');
  const vars = { DATABASE_URL: 'postgres://nobody@127.0.0.1:9/none' };
  const harness = createTestHarness({ workers: [{ configPath, prebuiltWorkerDir: folder, vars }] });
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 3; round += 1) {
    await harness.listen();
    const startedMs = performance.now();
    const answer = await harness.fetch('/livez');
    if (answer.status !== 200) throw new Error(`The Worker answered ${answer.status} to /livez.`);
    best = Math.min(best, performance.now() - startedMs);
    await harness.close();
  }
  return Math.round(best);
}

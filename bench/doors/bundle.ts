import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build, type Metafile } from 'esbuild';

const root = join(import.meta.dirname, '../..');

/** What a platform is given, in KiB. */
export interface Bundle {
  /** What it imports. */
  readonly path: string;
  /** What is read before the first call can be answered: the entry and all that it imports at once. */
  readonly first: Weight;
  /** With what is read when it is needed: each cloud's client is a piece of its own. */
  readonly all: Weight;
}

interface Weight {
  readonly raw: number;
  readonly zipped: number;
}

/** Bundles a deployment for a platform that runs Node, as docs/deploy says, and minified. */
export async function bundleForNode(door: string, folder: string): Promise<Bundle> {
  const source = `bench/doors/deployed/${door}.ts`;
  const { metafile } = await build({
    entryPoints: [source],
    absWorkingDir: root,
    bundle: true,
    minify: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    splitting: true,
    outdir: join(folder, door),
    outExtension: { '.js': '.mjs' },
    banner: { js: "import{createRequire}from'node:module';const require=createRequire(import.meta.url);" },
    metafile: true,
  });
  const paths = Object.keys(metafile.outputs);
  const entry = paths.find((path) => metafile.outputs[path]?.entryPoint === source) ?? '';
  return {
    path: join(root, entry),
    first: await weigh([...importedAtOnce(metafile, entry)]),
    all: await weigh(paths),
  };
}

function importedAtOnce({ outputs }: Metafile, entry: string): Set<string> {
  const found = new Set([entry]);
  for (const path of found) {
    for (const { path: next, kind, external } of outputs[path]?.imports ?? []) {
      if (kind === 'import-statement' && !external) found.add(next);
    }
  }
  return found;
}

/** Bundles the sample Worker with Cloudflare's own tool, as a deployment would. */
export async function bundleForWorker(folder: string): Promise<Bundle> {
  const out = join(folder, 'worker');
  const args = [
    join(root, 'node_modules/wrangler/bin/wrangler.js'),
    'deploy',
    '--dry-run',
    '--minify',
    `--outdir=${out}`,
  ];
  const env = { ...process.env, WRANGLER_SEND_METRICS: 'false', CI: '1' };
  const child = spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', 'ignore', 'inherit'] });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error('The Worker could not be bundled.');
  const path = join(out, 'worker.js');
  const weight = await weigh([path]);
  return { path, first: weight, all: weight };
}

async function weigh(paths: readonly string[]): Promise<Weight> {
  const files = await Promise.all(paths.map((path) => readFile(join(root, path.replace(root, '')))));
  const kib = (bytes: number) => Math.round(bytes / 1_024);
  return {
    raw: kib(files.reduce((sum, { length }) => sum + length, 0)),
    zipped: kib(files.reduce((sum, file) => sum + gzipSync(file).length, 0)),
  };
}

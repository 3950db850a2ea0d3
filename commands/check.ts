import { type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { checkTerraform } from './check/terraform.ts';
import { checkWorkerBundle } from './check/worker-bundle.ts';

// `npm run check`: the whole gate, one line for each step; with `-- --static` all but the tests.

const root = join(import.meta.dirname, '..');

interface Outcome {
  readonly code: number;
  readonly output: string;
  /** What could not be checked on this machine. */
  readonly unchecked?: string;
}

const steps: Record<string, () => Promise<Outcome>> = {
  'format and lint': () => tool('biome', 'check', '--error-on-warnings'),
  types: () => tool('tsc', '--noEmit', '-p', '.'),
  migrations: () => tool('drizzle-kit', 'check'),
  'migration drift': findDrift,
  'Worker bundle': () => checkWorkerBundle(root),
  terraform: () => checkTerraform(root),
};
if (!process.argv.includes('--static')) {
  steps['tests'] = () => run([join(root, 'commands/test.ts')], { stdio: 'inherit' });
}

for (const [name, step] of Object.entries(steps)) {
  const startedAt = performance.now();
  const { code, output, unchecked } = await step();
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
  if (code !== 0) {
    process.stdout.write(`${output}✗ ${name} (${seconds} s)\n\nThe check failed at: ${name}.\n`);
    process.exit(1);
  }
  process.stdout.write(unchecked ? `– ${name}: ${unchecked}\n` : `✓ ${name} (${seconds} s)\n`);
}

/** The schema and the committed migrations must say the same: generating again has to add nothing. */
async function findDrift(): Promise<Outcome> {
  const copy = mkdtempSync(join(tmpdir(), 'mobula-drift-'));
  try {
    cpSync(join(root, 'drizzle'), copy, { recursive: true });
    const schema = ['--dialect=postgresql', '--schema=./src/db/schema.ts'];
    const { code, output } = await tool('drizzle-kit', 'generate', ...schema, `--out=${relative(root, copy)}`);
    // It ends with 0 also where it would ask whether a column was renamed, so its word is what counts.
    if (code === 0 && output.includes('No schema changes')) return { code, output };
    return {
      code: 1,
      output: `${output}\nThe schema has changed without a migration: npm run db:generate makes one.\n`,
    };
  } finally {
    rmSync(copy, { recursive: true });
  }
}

function tool(name: string, ...args: string[]): Promise<Outcome> {
  const program = join(root, 'node_modules/.bin', name);
  if (!existsSync(program)) throw new Error(`${name} is not installed.`);
  return run([program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
}

/** Runs a JavaScript program under our own Node. */
async function run(args: string[], options: SpawnOptions): Promise<Outcome> {
  const child = spawn(process.execPath, args, { cwd: root, ...options });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk) => (output += chunk));
  const [code] = await once(child, 'close');
  return { code: code ?? 1, output };
}

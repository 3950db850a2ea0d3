import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

export interface Checked {
  readonly code: number;
  readonly output: string;
  /** What could not be checked on this machine. */
  readonly unchecked?: string;
}

/**
 * Has Terraform read infra/terraform: its format and its syntax, and what the clouds' providers know where somebody has run
 * `terraform init` before. That would ask the network, which the gate does not.
 */
export async function checkTerraform(root: string): Promise<Checked> {
  const folder = join(root, 'infra/terraform');
  if (spawnSync('terraform', ['version']).error) return { code: 0, output: '', unchecked: 'not here, not checked' };
  const formatted = terraform(folder, 'fmt', '-check', '-diff', '-recursive');
  if (formatted.code !== 0) return formatted;
  const clouds = readdirSync(folder);
  const ready = clouds.filter((cloud) => existsSync(join(folder, cloud, '.terraform/providers')));
  const failed = ready.map((cloud) => terraform(join(folder, cloud), 'validate')).find(({ code }) => code !== 0);
  if (failed) return failed;
  const unready = clouds.filter((cloud) => !ready.includes(cloud));
  if (unready.length === 0) return formatted;
  return { ...formatted, unchecked: `only its syntax: no providers here for ${unready.join(' and ')}` };
}

function terraform(cwd: string, ...args: string[]): Checked {
  const { status, stdout, stderr } = spawnSync('terraform', args, { cwd, encoding: 'utf8' });
  return { code: status ?? 1, output: stdout + stderr };
}

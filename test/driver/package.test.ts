import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { driverModule, modulePath } from '../../infra/ray/package-driver.mjs';
import { driverPackage } from '../../src/runners/driver-package.ts';

const root = join(import.meta.dirname, '../..');
const python = process.env['MOBULA_TEST_PYTHON'] ?? 'python3';

test('the committed package is the one that the sources make', () => {
  expect(readFileSync(join(root, modulePath), 'utf8') === driverModule(), 'run node infra/ray/package-driver.mjs').toBe(
    true,
  );
});

test('the package has a name that Ray takes, and unpacks to the driver', () => {
  expect(driverPackage.name).toMatch(/^_ray_pkg_[0-9a-f]{16}\.zip$/);
  const folder = mkdtempSync(join(tmpdir(), 'mobula-package-'));
  try {
    const zip = join(folder, driverPackage.name);
    writeFileSync(zip, Buffer.from(driverPackage.base64, 'base64'));
    const said = execFileSync(python, ['-m', 'zipfile', '-t', zip], { encoding: 'utf8' });
    const program = 'import mobula_driver.samples as s; print(s.add_numbers(1, 2))';
    const env = { ...process.env, PYTHONPATH: zip };
    expect(said).toBe('Done testing\n');
    expect(execFileSync(python, ['-c', program], { env, encoding: 'utf8' })).toBe('3\n');
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

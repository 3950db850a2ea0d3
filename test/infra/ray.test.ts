import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readlinkSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { processesUnder } from '../../infra/local/processes.ts';
import type { Ray } from '../../infra/local/ray.ts';
import { describeWithRay } from '../support/ray-cluster.ts';

await describeWithRay('a local Ray', (ray) => {
  test('answers as soon as it is there', async () => {
    expect(await (await fetch(`${ray.url}/api/version`)).json()).toMatchObject({ ray_version: '2.58.0' });
    expect(ray.gcsAddress).toMatch(/:\d+$/);
  });

  test('stands beside another one, asks for its token if it has one, and ends when its starter is killed', async () => {
    const token = 'a-token-of-more-than-thirty-two-characters';
    const module = new URL('../../infra/local/ray.ts', import.meta.url).href;
    const script = `const { startRay } = await import(${JSON.stringify(module)});
      console.log(JSON.stringify(await startRay({ cpus: 1, token: '${token}' }))); setInterval(() => {}, 1000);`;
    const args = ['--input-type=module', '--eval', script];
    const starter = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => void starter.kill('SIGKILL'));
    const own = JSON.parse(String((await once(starter.stdout, 'data'))[0])) as Ray;
    const folder = readlinkSync(`/proc/${own.pid}/cwd`);
    const statusWith = async (authorization: string) =>
      (await fetch(`${own.url}/api/jobs/`, { headers: { authorization } })).status;
    expect(own.url).not.toBe(ray.url);
    expect(await statusWith('Bearer a-guess')).toBe(403);
    expect(await statusWith(`Bearer ${token}`)).toBe(200);
    const sessions = new Set([own.pid]);
    expect(processesUnder(own.pid, sessions).length).toBeGreaterThan(5);

    starter.kill('SIGKILL');

    await expect.poll(() => processesUnder(own.pid, sessions), { timeout: 30_000 }).toEqual([]);
    await expect.poll(() => existsSync(folder), { timeout: 5_000 }).toBe(false);
  });
});

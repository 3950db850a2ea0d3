import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import type { TestEngine } from '../support/engine.ts';
import { FakeRay } from '../support/fake-ray.ts';
import { enqueue } from '../support/fresh.ts';

/** An attempt as its driver knows it. */
export interface Driven {
  readonly id: string;
  readonly url: string;
  readonly capability: string;
}

/** A Ray for the tests of a file, whose jobs are driven by the tests themselves, and a folder for results. */
export function useDriver() {
  let ray: FakeRay;
  let folder: string;
  beforeAll(async () => {
    ray = await FakeRay.start();
    folder = await mkdtemp(join(tmpdir(), 'mobula-attempts-'));
  });
  afterAll(async () => {
    await ray.close();
    await rm(folder, { recursive: true });
  });

  /** What the latest job got in its environment. */
  function capabilityOf(): string {
    const { env_vars } = (ray.accepted.at(-1)?.runtime_env ?? {}) as { env_vars: Record<string, string> };
    return env_vars['MOBULA_CAPABILITY'] ?? '';
  }

  /** Lets an execution be submitted. */
  async function submit(app: TestEngine, input: unknown = {}): Promise<Driven> {
    const { id } = await enqueue(app, 'on_ray', input);
    await app.call('POST', '/run', {});
    return { id, url: `/attempts/${id}/1`, capability: capabilityOf() };
  }

  /** The same, and begun. */
  async function begin(app: TestEngine): Promise<Driven> {
    const { id, url, capability } = await submit(app);
    const { body } = await app.call('POST', `${url}/begin`, { nonce: randomUUID() }, { token: capability });
    return { id, url, capability: body.capability };
  }

  const filesystem = () => ({
    MOBULA_RESULT_STORAGE_BACKEND: 'filesystem',
    MOBULA_RESULT_STORAGE_FILESYSTEM_PATH: folder,
  });
  return { ray: () => ray, submit, begin, filesystem };
}

export const succeeded = { outcome: 'succeeded', result: { value: 1 } };
export const failed = {
  outcome: 'failed',
  error: { type: 'ValueError', message: 'No.', traceback: 'Traceback …', types: ['ValueError', 'builtins.ValueError'] },
};

import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { driverPackage } from '../../src/runners/driver-package.ts';
import type { RayHttp } from '../../src/runners/ray-http.ts';
import { packageUri } from '../../src/runners/ray-package.ts';

/** How a job of Ray's ended, by the machine's clock. */
export interface EndedJob {
  readonly id: string;
  readonly endedAt: number;
}

export const pollMs = 100;
const bounds = { timeoutMs: 30_000 };

/** What every submission of ours brings along: two variables and the driver's package. */
const runtimeEnv = {
  env_vars: { MOBULA_ATTEMPT_URL: 'http://127.0.0.1:9/attempts/none/1', MOBULA_CAPABILITY: 'x'.repeat(200) },
  py_modules: [packageUri(driverPackage)],
};

/**
 * Submits a job as anybody would, over Ray's REST API, and waits until Ray says that it has succeeded. When that was is
 * Ray's own word, written by who saw the program end, so that asking seldom costs nothing.
 */
export async function runBareJob(
  ray: RayHttp,
  entrypoint = 'python -c pass',
  env: object = runtimeEnv,
): Promise<EndedJob> {
  const id = `bare-${randomUUID()}`;
  const body = JSON.stringify({ entrypoint, submission_id: id, runtime_env: env });
  const submitted = await ray.post('/api/jobs/', body, bounds);
  if (submitted.kind !== 'answered' || submitted.status !== 200) throw new Error(JSON.stringify(submitted));
  for (;;) {
    await sleep(pollMs);
    const answer = await ray.get(`/api/jobs/${id}`, bounds);
    if (answer.kind !== 'answered' || answer.status !== 200) throw new Error(JSON.stringify(answer));
    const { status, end_time, message } = JSON.parse(answer.text);
    if (status === 'SUCCEEDED') return { id, endedAt: end_time };
    if (status !== 'PENDING' && status !== 'RUNNING') throw new Error(`The job is ${status}: ${message}`);
  }
}

/** What a job wrote. */
export async function readJobLog(ray: RayHttp, id: string): Promise<string> {
  const answer = await ray.get(`/api/jobs/${id}/logs`, bounds);
  if (answer.kind !== 'answered' || answer.status !== 200) throw new Error(JSON.stringify(answer));
  return JSON.parse(answer.text).logs;
}

import { onTestFinished } from 'vitest';
import type { RemoteRunner } from '../../src/core/runner.ts';
import { type RayJobOptions, rayJobRunner } from '../../src/runners/ray-job.ts';
import { FakeRay, type FakeRayOptions } from '../support/fake-ray.ts';
import { oneByOne, type SingleRunner } from './one-by-one.ts';

/** Any bytes do where nothing runs. */
export const anyPackage = { name: '_ray_pkg_0123456789abcdef.zip', base64: btoa('PK\x05\x06 any bytes \xff\x00') };

/** Short, so that a test that waits for one is not long; long enough for a loaded machine. */
const timeouts = { readMs: 1_000, submitMs: 1_000, uploadMs: 1_000 };

/** A fake Ray of the test's own that only keeps records, and a runner for it: for one attempt at a time, and for many. */
export async function openBench(
  options: Partial<RayJobOptions> = {},
  fake: FakeRayOptions = {},
): Promise<{ ray: FakeRay; runner: SingleRunner; many: RemoteRunner }> {
  const ray = await FakeRay.start(fake);
  onTestFinished(() => ray.close());
  const many = rayJobRunner({ address: ray.url, package: anyPackage, timeouts, ...options });
  return { ray, runner: oneByOne(many), many };
}

/** The body of the last submission that reached the fake. */
export const lastSubmission = (ray: FakeRay): Record<string, unknown> =>
  JSON.parse(ray.ledger.findLast(({ call }) => call === 'submit')?.body ?? 'null');

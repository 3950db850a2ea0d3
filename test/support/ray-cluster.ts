import { describe, inject } from 'vitest';
import { ensureRay, type Ray, type RayOptions, startRay } from '../../infra/local/ray.ts';

/** A running cluster, as a test sees it. */
export interface RayCluster {
  /** The dashboard, which is where jobs are submitted. */
  readonly url: string;
  readonly gcsAddress: string;
}

/** What the run's own process says when it is asked for the shared cluster. */
export type RayAnswer = { cluster: RayCluster } | { missing: string } | { failed: string };

/** Stands in while tests that will be skipped are collected; nobody listens there. */
const noCluster: RayCluster = { url: 'http://127.0.0.1:9', gcsAddress: '127.0.0.1:9' };

/**
 * A `describe` whose tests share the run's one Ray cluster; to be awaited at the top of a file in test/ray. The first
 * such file starts the cluster. Where this machine cannot have Ray the tests are skipped and the title says why.
 */
export async function describeWithRay(title: string, define: (ray: RayCluster) => void): Promise<void> {
  const answer = (await (await fetch(inject('rayDoorUrl'))).json()) as RayAnswer;
  if ('failed' in answer) throw new Error(`Ray did not start: ${answer.failed}`);
  if ('missing' in answer) describe.skip(`${title} (without Ray: ${answer.missing})`, () => define(noCluster));
  else describe(title, () => define(answer.cluster));
}

/** A cluster for one test alone, to be harmed and stopped by it; only inside `describeWithRay`. */
export async function startOwnRay(options: RayOptions): Promise<Ray> {
  const installed = await ensureRay(() => undefined);
  if ('missing' in installed) throw new Error(installed.missing);
  return startRay(options);
}

import { prepareCluster, type Readiness } from './ray-cluster.ts';
import { type RayHttp, type RayHttpOptions, rayHttp } from './ray-http.ts';
import { type Memo, memo } from './ray-memo.ts';
import type { DriverPackage } from './ray-package.ts';

export interface RayLinkOptions extends RayHttpOptions {
  readonly package: DriverPackage;
  /** Takes a Ray older than we think safe. */
  readonly allowInsecure?: boolean | undefined;
  readonly timeouts?: Partial<RayTimeouts> | undefined;
  /** Decides how long the cluster is known to be ready; nothing about an attempt hangs on it. */
  readonly now?: (() => number) | undefined;
}

export interface RayTimeouts {
  /** Of everything not named below. */
  readonly readMs: number;
  readonly submitMs: number;
  readonly uploadMs: number;
}

/** A submission is slow where Ray's head waits for its agent: ten seconds, before it says that there is none. */
const rayTimeouts: RayTimeouts = { readMs: 5_000, submitMs: 15_000, uploadMs: 60_000 };

/** Far below the ten minutes for which Ray pins a package. */
const readyMs = 60_000;

/** One cluster, as the calls about a job need it. */
export interface RayLink {
  readonly http: RayHttp;
  readonly timeouts: RayTimeouts;
  readonly allowInsecure: boolean;
  /** Whether it is ready for submissions; to be forgotten at any sign that it is no longer the cluster it was. */
  readonly readiness: Memo<Readiness>;
}

export function openLink(options: RayLinkOptions): RayLink {
  const http = rayHttp(options);
  const timeouts = { ...rayTimeouts, ...options.timeouts };
  const allowInsecure = options.allowInsecure ?? false;
  const prepare = () => prepareCluster(http, { package: options.package, allowInsecure, ...timeouts });
  const now = options.now ?? Date.now;
  const readiness = memo(prepare, { lifeMs: readyMs, isGood: ({ kind }) => kind === 'ready', now });
  return { http, timeouts, allowInsecure, readiness };
}

export const jobPath = (jobId: string): string => `/api/jobs/${encodeURIComponent(jobId)}`;

export const askForJob = ({ http, timeouts }: RayLink, jobId: string) =>
  http.get(jobPath(jobId), { timeoutMs: timeouts.readMs });

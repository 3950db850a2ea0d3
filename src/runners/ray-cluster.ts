import { denialOf, parseAnswer, rayVersion, wordOf } from './ray-answer.ts';
import type { RayHttp } from './ray-http.ts';
import { type DriverPackage, providePackage } from './ray-package.ts';

/** Who answers at the address: `session` changes whenever a head has forgotten its jobs. */
export type ClusterSight =
  | { readonly kind: 'known'; readonly version: string; readonly session: string }
  | { readonly kind: 'denied' | 'unreachable'; readonly message: string };

/** Asks for version and session. The answer does not touch the cluster's store, so it says nothing of its health. */
export async function sightCluster(http: RayHttp, timeoutMs: number): Promise<ClusterSight> {
  const answer = await http.get('/api/version', { timeoutMs });
  const found = parseAnswer(answer, rayVersion);
  if (found !== null) return { kind: 'known', version: found.ray_version, session: found.session_name };
  const denial = denialOf(answer);
  if (denial !== null) return { kind: 'denied', message: denial };
  return { kind: 'unreachable', message: wordOf(answer, http.redact) };
}

/** Whether the store behind the dashboard lives: the only address that tells, as the others hang or answer without it. */
export async function isHealthy(http: RayHttp, timeoutMs: number): Promise<boolean> {
  const answer = await http.get('/api/gcs_healthz', { timeoutMs });
  return answer.kind === 'answered' && answer.status === 200;
}

/** Before it any web page could delete jobs through a visitor's browser (CVE-2026-27482); before 2.52, run some. */
const oldest = { major: 2, minor: 54 };

/** Why we do not use a Ray of this version; null where we do. */
export function versionProblem(version: string): string | null {
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(version) ?? [];
  if (Number(major) > oldest.major || (Number(major) === oldest.major && Number(minor) >= oldest.minor)) return null;
  const known = `Ray ${version.slice(0, 40)} is older than ${oldest.major}.${oldest.minor} and has known holes.`;
  return `${known} Set MOBULA_ALLOW_INSECURE_RAY=1 to use it nevertheless.`;
}

/** Whether a submission can be sent, and to which incarnation. */
export type Readiness =
  | { readonly kind: 'ready'; readonly session: string }
  | { readonly kind: 'too_old'; readonly message: string }
  | { readonly kind: 'unready'; readonly message: string };

export interface Preparation {
  readonly package: DriverPackage;
  readonly allowInsecure: boolean;
  readonly readMs: number;
  readonly uploadMs: number;
}

/** Has all that a submission relies on: a Ray that is new enough, and our driver in its store. */
export async function prepareCluster(http: RayHttp, { allowInsecure, ...rest }: Preparation): Promise<Readiness> {
  const cluster = await sightCluster(http, rest.readMs);
  if (cluster.kind !== 'known') return { kind: 'unready', message: cluster.message };
  const problem = allowInsecure ? null : versionProblem(cluster.version);
  if (problem !== null) return { kind: 'too_old', message: problem };
  const missing = await providePackage(http, rest.package, rest);
  if (missing !== null) return { kind: 'unready', message: `The driver could not be brought to Ray. ${missing}` };
  return { kind: 'ready', session: cluster.session };
}

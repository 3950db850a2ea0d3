import type { JobSight, RunnerHealth } from '../core/runner.ts';
import { denialOf, type JobDetails, jobDetails, parseAnswer, saysNoSuchJob, wordOf } from './ray-answer.ts';
import { isHealthy, sightCluster, versionProblem } from './ray-cluster.ts';
import { askForJob, type RayLink } from './ray-link.ts';
import { abridge } from './ray-redact.ts';
import { secretsOf } from './ray-submission.ts';

/** Looks at one job. Whatever is not clearly Ray's word about this job is `unreachable`, and says nothing about it. */
export async function sightJob(link: RayLink, jobId: string): Promise<JobSight> {
  const answer = await askForJob(link, jobId);
  const job = parseAnswer(answer, jobDetails);
  if (job?.submission_id === jobId) return toSight(link, job);
  if (saysNoSuchJob(answer, jobId)) return sightMissing(link);

  if (answer.kind === 'unreachable') link.readiness.forget();
  const denial = denialOf(answer);
  if (denial !== null) return { kind: 'denied', message: denial };
  return { kind: 'unreachable', message: wordOf(answer, link.http.redact) };
}

const kindOf = {
  PENDING: 'pending',
  RUNNING: 'running',
  SUCCEEDED: 'succeeded',
  FAILED: 'failed',
  STOPPED: 'stopped',
} as const satisfies Record<JobDetails['status'], JobSight['kind']>;

function toSight({ http, readiness }: RayLink, job: JobDetails): JobSight {
  const message = abridge(http.redact(job.message ?? '', secretsOf(job.runtime_env?.env_vars)));
  const kind = kindOf[job.status];
  if (kind === 'pending' || kind === 'running') return { kind, message };
  // Our package may have been collected, or went with an earlier head: the next submission brings it again.
  if (job.error_type === 'RUNTIME_ENV_SETUP_FAILURE') readiness.forget();
  return { kind, message, errorType: job.error_type ?? null };
}

/** A 404 counts only where Ray's store lives. The session is read anew: a head that forgot its jobs has another one. */
async function sightMissing({ http, timeouts, readiness }: RayLink): Promise<JobSight> {
  readiness.forget();
  if (!(await isHealthy(http, timeouts.readMs))) return { kind: 'unreachable', message: storeIsAway };
  const cluster = await sightCluster(http, timeouts.readMs);
  return cluster.kind === 'known' ? { kind: 'gone', session: cluster.session } : cluster;
}

const storeIsAway = "Ray's dashboard answers, but its store (GCS) does not.";

/** Looks at the cluster itself: one that we would not use is not reachable either, and the reason says why. */
export async function sightHealth({ http, timeouts, allowInsecure }: RayLink): Promise<RunnerHealth> {
  const [cluster, isStoreAlive] = await Promise.all([
    sightCluster(http, timeouts.readMs),
    isHealthy(http, timeouts.readMs),
  ]);
  if (cluster.kind !== 'known') return { reachable: false, reason: cluster.message, refused: false };
  if (!isStoreAlive) return { reachable: false, reason: storeIsAway, refused: false };
  const problem = allowInsecure ? null : versionProblem(cluster.version);
  if (problem !== null) return { reachable: false, reason: problem, refused: true };
  return { reachable: true, version: cluster.version, session: cluster.session };
}

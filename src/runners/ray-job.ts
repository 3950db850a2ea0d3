import { limits } from '../core/limits.ts';
import { mapBounded } from '../core/map-bounded.ts';
import type { AttemptStart, JobSight, RemoteRunner, StartAnswer } from '../core/runner.ts';
import { jobDeleted, jobDetails, jobStopped, parseAnswer, saysNoSuchJob } from './ray-answer.ts';
import { askForJob, jobPath, openLink, type RayLinkOptions } from './ray-link.ts';
import { readLogTail } from './ray-log.ts';
import { packageUri } from './ray-package.ts';
import { sightHealth, sightJob } from './ray-sight.ts';
import { startJob } from './ray-start.ts';
import { capabilitiesIn } from './ray-submission.ts';

export interface RayJobOptions extends RayLinkOptions {
  /** The deployment's `MOBULA_RAY_RUNTIME_ENV`. */
  readonly runtimeEnv?: Readonly<Record<string, unknown>> | undefined;
}

/**
 * Runs an attempt as a Ray job whose id we chose before the call. Nothing is tried twice here: Ray lets one job of an id
 * through, so whoever is in doubt asks for the id, now or at the next `/run`.
 */
export function rayJobRunner(options: RayJobOptions): RemoteRunner {
  const link = openLink(options);
  const { http, timeouts } = link;
  const bounds = { timeoutMs: timeouts.readMs };
  const frame = { runtimeEnv: options.runtimeEnv ?? {}, packageUri: packageUri(options.package) };

  return {
    name: 'ray_job',
    cluster: http.base,
    startsPerRequest: 1,
    keepsRecords: true,
    sharesJobs: true,
    start: (attempts) => startJobs(attempts, (job) => startJob(link, job, frame)),
    inspect: (jobIds) => inspectJobs(jobIds, (jobId) => sightJob(link, jobId)),

    async stop(jobId) {
      const answer = await http.post(`${jobPath(jobId)}/stop`, '{}', bounds);
      // Ray's own true or false says whether there was something to ask, which is no news to us.
      return parseAnswer(answer, jobStopped) !== null || saysNoSuchJob(answer, jobId);
    },

    async remove(jobId) {
      const answer = await http.delete(jobPath(jobId), bounds);
      return parseAnswer(answer, jobDeleted)?.deleted === true || saysNoSuchJob(answer, jobId);
    },

    async logTail(jobId, lines) {
      const job = parseAnswer(await askForJob(link, jobId), jobDetails);
      if (!job?.driver_node_id) return null;
      // Only what we brought there ourselves; what a task prints of its own is the task's affair.
      const secrets = capabilitiesIn(job.runtime_env?.env_vars);
      return readLogTail(http, { jobId, nodeId: job.driver_node_id, lines, secrets, ...bounds });
    },

    health: () => sightHealth(link),
  };
}

/** One submission for each job; what becomes of it becomes of all its attempts. */
async function startJobs(
  attempts: readonly AttemptStart[],
  startOne: (job: readonly AttemptStart[]) => Promise<StartAnswer>,
): Promise<StartAnswer[]> {
  const jobKey = (attempt: AttemptStart) => (attempt.sharesJob ? attempt.jobId : attempt);
  const jobs = [...Map.groupBy(attempts, jobKey)];
  const told = await mapBounded(jobs, limits.rayCallsAtOnce, async ([key, job]) => [key, await startOne(job)] as const);
  const answers = new Map(told);
  return attempts.map((attempt) => answers.get(jobKey(attempt)) as StartAnswer);
}

/** Looks at one job after the other, a few at once, and stops asking a cluster that leaves several in a row unanswered. */
function inspectJobs(jobIds: readonly string[], sight: (jobId: string) => Promise<JobSight>) {
  let unanswered = 0;
  return mapBounded(jobIds, limits.rayCallsAtOnce, async (jobId) => {
    if (unanswered >= limits.rayCallsUnanswered) return null;
    const seen = await sight(jobId);
    unanswered = seen.kind === 'unreachable' ? unanswered + 1 : 0;
    return seen;
  });
}

import { limits } from '../core/limits.ts';
import type { AttemptStart, JobSight, RemoteRunner, StartAnswer } from '../core/runner.ts';
import {
  cancelAnswer,
  type GatewayLink,
  type GatewayOptions,
  gatewayLink,
  sightsAnswer,
  startsAnswer,
} from './gateway-link.ts';

/**
 * Runs attempts on warm processes of a cluster, through the gateway that `npm run gateway -- deploy` puts there. The
 * gateway takes hundreds in one call and answers at once; it holds them in memory alone and may die: what it had not begun
 * is unknown to the next one, and is sent there again.
 */
export function rayCoreRunner(options: GatewayOptions): RemoteRunner {
  const link = gatewayLink(options);
  return {
    name: 'ray_core',
    cluster: link.base,
    startsPerRequest: limits.attemptsPerCall,
    keepsRecords: false,
    sharesJobs: false,
    start: (attempts) => inParts(attempts, (part) => startPart(link, part)),
    inspect: (jobIds) => inParts(jobIds, (part) => inspectPart(link, part)),
    stop: async (jobId) => (await link.ask('/cancel', { jobs: [jobId] }, cancelAnswer)).kind === 'answered',
    // It keeps no record, so there is none to delete, where it can be asked.
    remove: async (jobId) => (await link.ask('/sights', { jobs: [jobId] }, sightsAnswer)).kind === 'answered',
    logTail: async () => null,
    async health() {
      const answer = await link.ask('/sights', { jobs: [] }, sightsAnswer);
      if (answer.kind !== 'answered') return { reachable: false, reason: answer.message, refused: false };
      return { reachable: true, version: answer.value.ray_version, session: answer.value.session };
    },
  };
}

async function inParts<Item, Made>(
  items: readonly Item[],
  ask: (part: readonly Item[]) => Promise<readonly Made[]>,
): Promise<Made[]> {
  const made: Made[] = [];
  for (let at = 0; at < items.length; at += limits.attemptsPerCall) {
    made.push(...(await ask(items.slice(at, at + limits.attemptsPerCall))));
  }
  return made;
}

async function startPart(link: GatewayLink, attempts: readonly AttemptStart[]): Promise<readonly StartAnswer[]> {
  const answer = await link.ask('/attempts', { attempts: attempts.map(toWire) }, startsAnswer);
  if (answer.kind !== 'answered') return attempts.map(() => ({ kind: 'unknown', message: answer.message }));
  const { session, attempts: said } = answer.value;
  return attempts.map((_, index) => toStartAnswer(said[index], session));
}

function toStartAnswer(
  said: { status: string; message?: string | undefined } | undefined,
  session: string,
): StartAnswer {
  const message = said?.message ?? 'The gateway did not say.';
  if (said?.status === 'accepted') return { kind: 'accepted', session };
  return { kind: said?.status === 'refused' ? 'refused' : 'unknown', message };
}

async function inspectPart(link: GatewayLink, jobIds: readonly string[]): Promise<readonly JobSight[]> {
  const answer = await link.ask('/sights', { jobs: jobIds }, sightsAnswer);
  if (answer.kind !== 'answered') return jobIds.map(() => ({ kind: answer.kind, message: answer.message }));
  const { session, jobs } = answer.value;
  return jobIds.map((_, index): JobSight => {
    const { status, message = '' } = jobs[index] ?? { status: 'gone' };
    if (status === 'gone') return { kind: 'gone', session };
    return status === 'failed' ? { kind: 'failed', message, errorType: 'WORKER_DIED' } : { kind: status, message };
  });
}

/** An attempt as the gateway takes it. The capability lets it begin; the input is not for it to hold. */
const toWire = ({ jobId, executionId, attempt, attemptUrl, capability, ray }: AttemptStart) => ({
  job: jobId,
  id: executionId,
  attempt,
  url: attemptUrl,
  capability,
  callable: ray.callable,
  num_cpus: ray.numCpus,
  num_gpus: ray.numGpus,
  memory: ray.memory,
  resources: ray.resources,
  label_selector: ray.labelSelector,
  runtime_env: ray.runtimeEnv,
});

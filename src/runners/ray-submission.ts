import * as z from 'zod';
import type { AttemptStart } from '../core/runner.ts';

/** Constant, so that no input can reach a shell; `exec`, so that the driver dies with Ray's head and is no orphan. */
export const entrypoint = 'exec python -m mobula_driver';

/** Linux takes no environment string over 128 KiB, and Ray puts metadata and runtime environment into one, as ASCII. */
const submissionCharactersMax = 100_000;

/** What we must understand of a runtime environment to add ours; Ray judges the rest. */
const runtimeEnv = z.looseObject({
  env_vars: z.record(z.string(), z.string()).optional(),
  py_modules: z.array(z.string()).optional(),
});

export interface SubmissionFrame {
  /** The deployment's runtime environment, under each task's own. */
  readonly runtimeEnv: Readonly<Record<string, unknown>>;
  /** Where the nodes find our driver. */
  readonly packageUri: string;
}

/** The attempts of one job, which are of one task. */
type Job = readonly [AttemptStart, ...AttemptStart[]];

/** By this we know a job for ours. Ray takes strings only, and gives them back as they were. */
const metadataOf = ([{ jobId, executionId, attempt, sharesJob }]: Job): Readonly<Record<string, string>> =>
  sharesJob ? { mobula_shared_job: jobId } : { mobula_execution: executionId, mobula_attempt: String(attempt) };

export interface Submission {
  readonly json: string;
  readonly metadata: Readonly<Record<string, string>>;
  /** What may not show up in a message. */
  readonly secrets: readonly string[];
}

/**
 * The JSON text that submits a job, or why there is none to send. Fields are sent only where the task has them:
 * Ray refuses a field it does not know, and any resource lifts the driver off the head.
 */
export function writeSubmission(job: Job, frame: SubmissionFrame): Submission | { readonly refusal: string } {
  const under = runtimeEnv.safeParse(frame.runtimeEnv);
  if (!under.success) return { refusal: `MOBULA_RAY_RUNTIME_ENV is wrong at ${pathOf(under.error)}.` };
  const [{ jobId, ray }] = job;
  const own = runtimeEnv.safeParse(ray.runtimeEnv ?? {});
  if (!own.success) return { refusal: `The task's runtime environment is wrong at ${pathOf(own.error)}.` };

  const { numCpus, numGpus, memory, resources, labelSelector } = ray;
  const merged = mergeEnvs(under.data, own.data, { vars: varsOf(job), packageUri: frame.packageUri });
  const metadata = metadataOf(job);
  const json = JSON.stringify({
    entrypoint,
    submission_id: jobId,
    metadata,
    runtime_env: merged,
    entrypoint_num_cpus: numCpus,
    entrypoint_num_gpus: numGpus,
    entrypoint_memory: memory,
    entrypoint_resources: resources,
    entrypoint_label_selector: labelSelector,
  });
  const length = asciiLength(json);
  if (length <= submissionCharactersMax) return { json, metadata, secrets: secretsOf(merged.env_vars) };
  return {
    refusal: `The job's description is ${length} characters long; Ray starts none over ${submissionCharactersMax}.`,
  };
}

type RuntimeEnv = z.infer<typeof runtimeEnv>;

const ourVars = ['MOBULA_ATTEMPT_URL', 'MOBULA_CAPABILITY', 'MOBULA_ATTEMPTS'];

/** What the driver learns from its environment: of one attempt, or of several as JSON, `[[url, capability], …]`. */
const varsOf = (job: Job): Readonly<Record<string, string>> => {
  const [{ attemptUrl, capability }, ...others] = job;
  if (others.length === 0) return { MOBULA_ATTEMPT_URL: attemptUrl, MOBULA_CAPABILITY: capability };
  return { MOBULA_ATTEMPTS: JSON.stringify(job.map((each) => [each.attemptUrl, each.capability])) };
};

function mergeEnvs(
  under: RuntimeEnv,
  own: RuntimeEnv,
  { vars, packageUri }: { vars: Readonly<Record<string, string>>; packageUri: string },
): RuntimeEnv {
  const theirs = Object.entries({ ...under.env_vars, ...own.env_vars }).filter(([name]) => !ourVars.includes(name));
  return {
    ...under,
    ...own,
    env_vars: { ...Object.fromEntries(theirs), ...vars },
    py_modules: [...(own.py_modules ?? under.py_modules ?? []), packageUri],
  };
}

/** The values of a job's environment variables: some are secrets, and we cannot tell which. Our address is none. */
export function secretsOf(envVars: Readonly<Record<string, unknown>> | null | undefined): string[] {
  const { MOBULA_ATTEMPT_URL, MOBULA_ATTEMPTS, ...rest } = envVars ?? {};
  return [...Object.values(rest), ...capabilitiesIn({ MOBULA_ATTEMPTS })].filter((value) => typeof value === 'string');
}

/** Null for what is no JSON: a job of somebody else's may have anything there. */
function jsonIn(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

const sharedVars = z.array(z.tuple([z.string(), z.string()]));

/** What we brought into a job's environment that is secret. */
export function capabilitiesIn(envVars: Readonly<Record<string, unknown>> | null | undefined): string[] {
  const { MOBULA_CAPABILITY, MOBULA_ATTEMPTS } = envVars ?? {};
  if (typeof MOBULA_CAPABILITY === 'string') return [MOBULA_CAPABILITY];
  const shared = sharedVars.safeParse(typeof MOBULA_ATTEMPTS === 'string' ? jsonIn(MOBULA_ATTEMPTS) : null);
  return shared.success ? shared.data.map(([, capability]) => capability) : [];
}

const pathOf = (error: z.ZodError): string => error.issues[0]?.path.join('.') || 'its top';

/** As Python writes it: everything beyond ASCII as `\uXXXX`. */
const asciiLength = (json: string): number => json.length + 5 * (json.match(/[^\x20-\x7e]/g)?.length ?? 0);

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

/** By this we know a job for ours. Ray takes strings only, and gives them back as they were. */
export const metadataOf = ({ executionId, attempt }: Pick<AttemptStart, 'executionId' | 'attempt'>) => ({
  mobula_execution: executionId,
  mobula_attempt: String(attempt),
});

export interface Submission {
  readonly json: string;
  /** What may not show up in a message. */
  readonly secrets: readonly string[];
}

/**
 * The JSON text that submits an attempt, or why there is none to send. Fields are sent only where the task has them:
 * Ray refuses a field it does not know, and any resource lifts the driver off the head.
 */
export function writeSubmission(
  attempt: AttemptStart,
  frame: SubmissionFrame,
): Submission | { readonly refusal: string } {
  const under = runtimeEnv.safeParse(frame.runtimeEnv);
  if (!under.success) return { refusal: `MOBULA_RAY_RUNTIME_ENV is wrong at ${pathOf(under.error)}.` };
  const own = runtimeEnv.safeParse(attempt.ray.runtimeEnv ?? {});
  if (!own.success) return { refusal: `The task's runtime environment is wrong at ${pathOf(own.error)}.` };

  const { numCpus, numGpus, memory, resources, labelSelector } = attempt.ray;
  const merged = mergeEnvs(under.data, own.data, attempt, frame.packageUri);
  const json = JSON.stringify({
    entrypoint,
    submission_id: attempt.jobId,
    metadata: metadataOf(attempt),
    runtime_env: merged,
    entrypoint_num_cpus: numCpus,
    entrypoint_num_gpus: numGpus,
    entrypoint_memory: memory,
    entrypoint_resources: resources,
    entrypoint_label_selector: labelSelector,
  });
  const length = asciiLength(json);
  if (length <= submissionCharactersMax) return { json, secrets: secretsOf(merged.env_vars) };
  return {
    refusal: `The job's description is ${length} characters long; Ray starts none over ${submissionCharactersMax}.`,
  };
}

type RuntimeEnv = z.infer<typeof runtimeEnv>;

function mergeEnvs(under: RuntimeEnv, own: RuntimeEnv, attempt: AttemptStart, packageUri: string): RuntimeEnv {
  const ours = { MOBULA_ATTEMPT_URL: attempt.attemptUrl, MOBULA_CAPABILITY: attempt.capability };
  return {
    ...under,
    ...own,
    env_vars: { ...under.env_vars, ...own.env_vars, ...ours },
    py_modules: [...(own.py_modules ?? under.py_modules ?? []), packageUri],
  };
}

/** The values of a job's environment variables: some are secrets, and we cannot tell which. Our address is none. */
export function secretsOf(envVars: Readonly<Record<string, unknown>> | null | undefined): string[] {
  const { MOBULA_ATTEMPT_URL, ...rest } = envVars ?? {};
  return Object.values(rest).filter((value) => typeof value === 'string');
}

const pathOf = (error: z.ZodError): string => error.issues[0]?.path.join('.') || 'its top';

/** As Python writes it: everything beyond ASCII as `\uXXXX`. */
const asciiLength = (json: string): number => json.length + 5 * (json.match(/[^\x20-\x7e]/g)?.length ?? 0);

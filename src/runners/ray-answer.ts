import * as z from 'zod';
import type { RayAnswer } from './ray-http.ts';
import { gistOf, type Redact } from './ray-redact.ts';

/** What Ray says of one job, as far as we rely on it. A status we do not know makes the whole answer unusable. */
export const jobDetails = z.object({
  submission_id: z.string(),
  status: z.enum(['PENDING', 'RUNNING', 'SUCCEEDED', 'FAILED', 'STOPPED']),
  message: z.string().nullish(),
  error_type: z.string().nullish(),
  metadata: z.record(z.string(), z.unknown()).nullish(),
  runtime_env: z.looseObject({ env_vars: z.record(z.string(), z.unknown()).nullish() }).nullish(),
  driver_node_id: z.string().nullish(),
});
export type JobDetails = z.infer<typeof jobDetails>;

export const jobSubmitted = z.object({ submission_id: z.string() });
export const jobStopped = z.object({ stopped: z.boolean() });
export const jobDeleted = z.object({ deleted: z.boolean() });
export const rayVersion = z.object({ ray_version: z.string(), session_name: z.string().min(1) });

/** The value of a 2xx answer that is the JSON it should be; null for every other answer, a proxy's HTML included. */
export function parseAnswer<Schema extends z.ZodType>(answer: RayAnswer, schema: Schema): z.output<Schema> | null {
  if (answer.kind !== 'answered' || answer.status < 200 || answer.status > 299) return null;
  try {
    const parsed = schema.safeParse(JSON.parse(answer.text));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

/** Only this text says that Ray knows no such job; a wrong path prefix or a proxy answers 404 as well. */
export const saysNoSuchJob = (answer: RayAnswer, jobId: string): boolean =>
  answer.kind === 'answered' && answer.status === 404 && answer.text.trim() === `Job ${jobId} does not exist`;

/**
 * Whether Ray has read the submission and will never take it: a field it does not know, a value of the wrong type, a bad
 * label selector. Its head reports what its agent refused as a 500 that quotes the 400; a repeated id looks the same.
 */
export function saysRefused(answer: RayAnswer): boolean {
  if (answer.kind !== 'answered' || answer.text.includes('already exists')) return false;
  if (answer.status === 400) return answer.text.includes('Traceback');
  return answer.status === 500 && answer.text.includes('status code 400');
}

/** What to mend where Ray, or a proxy before it, does not admit us; null for every other answer. */
export function denialOf(answer: RayAnswer): string | null {
  if (answer.kind !== 'answered') return null;
  if (answer.status === 401)
    return 'Ray answered 401: it wants a token. Set RAY_AUTH_TOKEN (a proxy: MOBULA_RAY_HEADERS).';
  if (answer.status === 403)
    return 'Ray answered 403: it refuses our token. Check RAY_AUTH_TOKEN (a proxy: MOBULA_RAY_HEADERS).';
  if (answer.status === 405)
    return 'Ray answered 405: it takes us for a browser. Remove Origin, Referer, Sec-Fetch-* and Mozilla from MOBULA_RAY_HEADERS and from what a proxy adds.';
  return null;
}

/** One line on an answer that did not say what it should, safe to store and to show. */
export function wordOf(answer: RayAnswer, redact: Redact, secrets: readonly string[] = []): string {
  if (answer.kind === 'unreachable') return answer.message;
  const denial = denialOf(answer);
  if (denial !== null) return denial;
  if (answer.status >= 200 && answer.status <= 299) return `Ray's answer is not what Ray would say (RAY_ADDRESS?).`;
  const gist = gistOf(redact(answer.text, secrets));
  return `Ray answered ${answer.status}${gist === '' ? '' : `: ${gist}`}`;
}

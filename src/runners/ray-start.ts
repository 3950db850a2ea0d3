import { MobulaError } from '../core/errors.ts';
import type { AttemptStart, StartAnswer } from '../core/runner.ts';
import {
  type JobDetails,
  jobDetails,
  jobSubmitted,
  parseAnswer,
  saysNoSuchJob,
  saysRefused,
  wordOf,
} from './ray-answer.ts';
import type { RayAnswer } from './ray-http.ts';
import { askForJob, type RayLink } from './ray-link.ts';
import { type SubmissionFrame, writeSubmission } from './ray-submission.ts';

/** Submits the attempts of one job under the id that was chosen for it; once, whatever comes of it. */
export async function startJob(
  link: RayLink,
  job: readonly AttemptStart[],
  frame: SubmissionFrame,
): Promise<StartAnswer> {
  const [first] = job;
  if (!first) throw new RangeError('A job has an attempt.');
  const { jobId } = first;
  const submission = writeSubmission([first, ...job.slice(1)], frame);
  if ('refusal' in submission) return { kind: 'refused', message: submission.refusal };

  const readiness = await link.readiness.get();
  if (readiness.kind === 'too_old') throw new MobulaError('ray_refused', readiness.message);
  if (readiness.kind === 'unready') return { kind: 'unknown', message: readiness.message };

  const { session } = readiness;
  const answer = await link.http.post('/api/jobs/', submission.json, { timeoutMs: link.timeouts.submitMs });
  if (parseAnswer(answer, jobSubmitted)?.submission_id === jobId) return { kind: 'accepted', session };
  const { metadata } = submission;
  return settle(link, {
    jobId,
    metadata,
    session,
    answer,
    message: wordOf(answer, link.http.redact, submission.secrets),
  });
}

interface Doubt {
  readonly jobId: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly session: string;
  readonly answer: RayAnswer;
  readonly message: string;
}

/**
 * Ray meets a repeated id with an ordinary error, and may have taken what it did not answer: only asking for the id
 * tells. Where it is unknown and the error was no refusal, the same id is sent again later, by whoever reconciles.
 */
async function settle(link: RayLink, { jobId, metadata, session, answer, message }: Doubt): Promise<StartAnswer> {
  if (answer.kind === 'unreachable') link.readiness.forget();
  const asked = await askForJob(link, jobId);
  const job = parseAnswer(asked, jobDetails);
  if (job?.submission_id === jobId) return adopt(job, { jobId, metadata, session });
  const isRefused = saysRefused(answer) && saysNoSuchJob(asked, jobId);
  return { kind: isRefused ? 'refused' : 'unknown', message };
}

function adopt(
  job: JobDetails,
  { jobId, metadata, session }: Pick<Doubt, 'jobId' | 'metadata' | 'session'>,
): StartAnswer {
  const isOurs = Object.entries(metadata).every(([key, value]) => job.metadata?.[key] === value);
  if (isOurs) return { kind: 'accepted', session };
  const message = `Ray already has a job ${jobId}, and by its metadata it is not this attempt.`;
  return { kind: 'refused', message };
}

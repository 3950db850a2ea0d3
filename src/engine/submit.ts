import { jobOf } from '../core/ids.ts';
import { messageOf } from '../core/observe.ts';
import type { AttemptStart, RemoteRunner, StartAnswer } from '../core/runner.ts';
import type { Finish, Finished } from '../db/executions/finish.ts';
import { recordSubmissions, type Submission } from '../db/executions/record-submission.ts';
import { endAttempts } from './end-attempts.ts';
import type { Engine } from './engine.ts';
import { failed } from './finish.ts';
import { unknownTask } from './inline-attempt.ts';
import { type Placed, type Submittable, shareJobs } from './share-jobs.ts';

/** How soon a submission without a trustworthy answer is looked after. */
const unknownSeconds = 3;
const acceptedSeconds = 5;

export interface SubmitAnswer {
  readonly submitted: number;
  /** Those that ended at once, because Ray refused them or this deployment has no such task. */
  readonly finished: readonly Finished[];
}

/**
 * Starts attempts on the cluster and writes what came of them: one statement for all that were taken or left in doubt,
 * one for all that were refused. A doubt is resolved later by asking for the same id.
 */
export async function submitAttempts(
  engine: Engine,
  runner: RemoteRunner,
  attempts: readonly Submittable[],
): Promise<SubmitAnswer> {
  const submissions: Submission[] = [];
  const refusals: Finish[] = [];
  const answers = await start(engine, runner, attempts);
  for (const attempt of attempts) {
    const answer = answers.get(attempt.id) ?? noForm;
    if (answer.kind === 'refused') refusals.push(toRefusal(engine, attempt, answer.message));
    else submissions.push({ ...attempt, session: answer.kind === 'accepted' ? answer.session : null });
    if (answer.kind === 'unknown') engine.log('warn', 'submission_unknown', { id: attempt.id, reason: answer.message });
  }
  if (submissions.length > 0) {
    await recordSubmissions(engine.db, submissions, { accepted: acceptedSeconds, unknown: unknownSeconds });
  }
  return {
    submitted: submissions.filter(({ session }) => session !== null).length,
    finished: await endAttempts(engine, refusals),
  };
}

/** What a task that does not run on Ray comes to. */
const noForm: StartAnswer = { kind: 'refused', message: '' };

/** Starts those that can run there; a thrown error leaves all of them in doubt, and is never an attempt's failure. */
async function start(
  engine: Engine,
  runner: RemoteRunner,
  attempts: readonly Submittable[],
): Promise<ReadonlyMap<string, StartAnswer>> {
  const startable = attempts.flatMap((attempt) => {
    const ray = engine.tasks.get(attempt.task)?.ray;
    return ray ? [{ attempt, ray }] : [];
  });
  const doubts = (message: string) => startable.map(({ attempt }) => [attempt.id, doubt(message)] as const);
  try {
    const starting = await shareJobs(engine, runner, startable);
    const starts = starting.map((each) => toStart(engine, each));
    const answers = starts.length > 0 ? await runner.start(starts) : [];
    const told = starting.map(({ attempt }, index) => [attempt.id, answers[index] as StartAnswer] as const);
    return new Map([...doubts('It moved on before it was submitted.'), ...told]);
  } catch (error) {
    return new Map(doubts(messageOf(error)));
  }
}

const doubt = (message: string): StartAnswer => ({ kind: 'unknown', message });

const toStart = (engine: Engine, { attempt: of, ray }: Placed): AttemptStart => ({
  jobId: jobOf(of),
  executionId: of.id,
  attempt: of.attempt,
  attemptUrl: `${engine.settings.publicUrl}/attempts/${of.id}/${of.attempt}`,
  capability: engine.capability(of.id, of.attempt),
  ray,
  sharesJob: of.sharedJob !== null,
});

function toRefusal(engine: Engine, attempt: Submittable, message: string): Finish {
  const task = engine.tasks.get(attempt.task);
  const failure = task?.ray
    ? { type: 'RayRefused', message, retryable: false }
    : unknownTask(attempt.task, task !== undefined);
  return failed(engine, { ...attempt, nonce: null }, failure);
}

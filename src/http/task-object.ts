import * as z from 'zod';
import { type Attempt, attemptStates } from '../core/attempt.ts';
import { type Execution, isFinal, states, statusOf } from '../core/execution.ts';
import { runnerNames } from '../core/runner.ts';
import { type RawMember, rawArray, rawObject } from './json-answer.ts';

/**
 * How much of an execution a caller sees. read: all. caller: all but tracebacks. token: state, times, progress, result
 * and the kind of error; what a front end may show to the person who waits.
 */
export type TaskView = 'read' | 'caller' | 'token';

const text = (value: unknown): string => JSON.stringify(value);
const instant = (value: Date | null): string => text(value === null ? null : value.toISOString());

/** The task object of contract §3.3 as JSON text: what a producer wrote is spliced, not re-written. */
export function taskObject(execution: Execution, view: TaskView, observedAt: Date | null = null): string {
  return rawObject(taskMembers(execution, view, observedAt));
}

/** The same as members, for answers that add one. */
export function taskMembers(execution: Execution, view: TaskView, observedAt: Date | null = null): RawMember[] {
  return [
    ['id', text(execution.id)],
    ['task', text(execution.task)],
    ['state', text(execution.state)],
    ['status', text(statusOf(execution.state))],
    ...(view === 'token' ? [] : placeMembers(execution)),
    ['attempt', text(execution.attempt)],
    ['max_attempts', text(execution.maxAttempts)],
    ['run_after', instant(execution.runAfter)],
    ['enqueued_at', instant(execution.enqueuedAt)],
    ['started_at', instant(execution.startedAt)],
    ['last_attempted_at', instant(execution.lastAttemptedAt)],
    ['finished_at', instant(execution.finishedAt)],
    ...resultMembers(execution, view),
    ['error', errorText(execution.error, view)],
    ['progress', execution.progress ?? 'null'],
    ...(view === 'token' ? [] : detailMembers(execution)),
    ['version', text(execution.version)],
    ['poll_after_ms', text(pollAfterMs(execution, observedAt))],
  ];
}

const placeMembers = (execution: Execution): RawMember[] => [
  ['queue_name', text(execution.queue)],
  ['backend_name', text('default')],
  ['priority', text(execution.priority)],
];

const detailMembers = (execution: Execution): RawMember[] => [
  ['metadata', execution.metadata ?? 'null'],
  ['ray', text(execution.ray && { job_id: execution.ray.jobId, address: execution.ray.address })],
];

/** `result` is there only with an inline value, so that a stored null and no value differ. */
const resultMembers = ({ result }: Execution, view: TaskView): RawMember[] => [
  ...(result.value === null ? [] : ([['result', result.value]] satisfies RawMember[])),
  ['result_state', text(result.state)],
  ...(view === 'token' ? [] : ([['result_reference', text(result.reference)]] satisfies RawMember[])),
  ['result_bytes', text(result.bytes)],
  ['result_sha256', text(result.sha256)],
  ...(result.reason === null ? [] : ([['result_reason', text(result.reason)]] satisfies RawMember[])),
];

function errorText(error: string | null, view: TaskView): string {
  if (error === null || view === 'read') return error ?? 'null';
  const { type, message, retryable } = JSON.parse(error);
  return text(view === 'token' ? { type, message } : { type, message, retryable });
}

/** When it is worth looking again: soon while it is young, every five seconds later, and not before it is due. */
function pollAfterMs(execution: Execution, observedAt: Date | null): number | null {
  if (isFinal(execution.state)) return null;
  const since = (execution.lastAttemptedAt ?? execution.enqueuedAt).getTime();
  const nowMs = observedAt?.getTime() ?? since;
  const dueInMs = execution.state === 'QUEUED' && execution.runAfter ? execution.runAfter.getTime() - nowMs : 0;
  const pauseMs = Math.min(5_000, Math.max(500, (nowMs - since) / 4));
  return Math.round(Math.min(60_000, Math.max(pauseMs, dueInMs)));
}

/** The attempts of an execution, oldest first; tracebacks are for the `read` view. */
export const attemptsText = (attempts: readonly Attempt[], view: TaskView): string =>
  rawArray(
    attempts.map((attempt) =>
      rawObject([
        ['attempt', text(attempt.attempt)],
        ['state', text(attempt.state)],
        ['runner', text(attempt.runner)],
        ['claimed_at', instant(attempt.claimedAt)],
        ['begun_at', instant(attempt.begunAt)],
        ['ended_at', instant(attempt.endedAt)],
        ['ray_job_id', text(attempt.rayJobId)],
        ['error', errorText(attempt.error, view)],
      ]),
    ),
  );

const time = z.iso.datetime().nullable();

const errorSchema = z
  .object({
    type: z.string(),
    message: z.string(),
    retryable: z.boolean().optional(),
    traceback: z.string().optional(),
  })
  .nullable();

/** The task object, for the document. */
export const taskSchema = z
  .object({
    id: z.uuidv7(),
    task: z.string(),
    state: z.enum(states),
    status: z.enum(['READY', 'RUNNING', 'SUCCESSFUL', 'FAILED']),
    queue_name: z.string().optional(),
    backend_name: z.literal('default').optional(),
    priority: z.int().optional(),
    attempt: z.int(),
    max_attempts: z.int(),
    run_after: time,
    enqueued_at: z.iso.datetime(),
    started_at: time,
    last_attempted_at: time,
    finished_at: time,
    result: z.unknown().optional(),
    result_state: z.enum(['none', 'inline', 'stored', 'digest_only', 'unavailable']),
    result_reference: z.string().nullable().optional(),
    result_bytes: z.int().nullable(),
    result_sha256: z.string().nullable(),
    result_reason: z.string().optional(),
    error: errorSchema,
    progress: z.unknown(),
    metadata: z.record(z.string(), z.unknown()).nullable().optional(),
    ray: z.object({ job_id: z.string(), address: z.string() }).nullable().optional(),
    version: z.int(),
    poll_after_ms: z.int().nullable(),
  })
  .meta({ id: 'Task' });

export const taskAnswer = z.object({ task: taskSchema });

const attemptSchema = z.object({
  attempt: z.int(),
  state: z.enum(attemptStates),
  runner: z.enum(runnerNames),
  claimed_at: z.iso.datetime(),
  begun_at: time,
  ended_at: time,
  ray_job_id: z.string().nullable(),
  error: errorSchema,
});

/** The same with its attempts. */
export const taskWithAttemptsAnswer = z.object({
  task: taskSchema.extend({ attempts: z.array(attemptSchema) }).meta({ id: 'TaskWithAttempts' }),
});

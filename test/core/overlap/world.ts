import { isFinal, type State } from '../../../src/core/execution.ts';
import { isRetryable } from '../../../src/core/retry.ts';
import type { JobSight } from '../../../src/core/runner.ts';
import { judge, type Verdict } from '../../../src/core/verdict.ts';

const heartbeat = 15;
export const bounds = { startTimeoutSeconds: 900, stuckSeconds: 300, graceSeconds: 30, timeoutSeconds: 1_200 };
/** A driver ends itself after so long without an accepted beat. */
const fenceSeconds = 0.8 * bounds.stuckSeconds;

/** A job of one attempt and the driver in it, as they really are, whoever can see them. */
export interface Job {
  readonly attempt: number;
  ray: 'pending' | 'running' | 'over';
  /** Ray's head has forgotten it; its process may live. */
  forgotten: boolean;
  /** User code has begun and has not ended. */
  live: boolean;
  /** Stands still, clock and all. */
  frozen: boolean;
  /** It was called over while nobody could see whether it was. */
  unseen: boolean;
  heardAt: number;
}

/** An execution on a cluster, with a clock that counts seconds. Only `judge` and the gate decide what follows. */
export interface World {
  now: number;
  state: State;
  attempt: number;
  begun: boolean;
  /** Whether answers to submissions are lost, so that Ray is not known to have what it has. */
  readonly answersLost: boolean;
  /** Whether others are in its jobs too. */
  readonly shares: boolean;
  claimedAt: number;
  begunAt: number;
  beatAt: number;
  rayEndedAt: number | null;
  rayAnswers: boolean;
  appAnswers: boolean;
  readonly maxAttempts: number;
  readonly idempotent: boolean;
  readonly jobs: Job[];
  /** User code was started so often, by attempt. */
  readonly starts: Map<number, number>;
}

export const newWorld = (maxAttempts: number, idempotent: boolean, answersLost = false, shares = false): World => ({
  ...{ now: 0, state: 'QUEUED', attempt: 0, begun: false, claimedAt: 0, begunAt: 0, beatAt: 0, rayEndedAt: null },
  ...{ rayAnswers: true, appAnswers: true, maxAttempts, idempotent, answersLost, shares, jobs: [], starts: new Map() },
});

const isInFlight = ({ state }: World) => state === 'RUNNING' || state === 'CANCELLING';

export function claim(world: World): void {
  if (world.state !== 'QUEUED') return;
  Object.assign(world, {
    state: 'RUNNING',
    attempt: world.attempt + 1,
    begun: false,
    claimedAt: world.now,
    rayEndedAt: null,
  });
  submit(world);
}

function submit({ jobs, attempt, now }: World): void {
  jobs.push({ attempt, ray: 'pending', forgotten: false, live: false, frozen: false, unseen: false, heardAt: now });
}

/** The job's process starts, however late, and asks to begin; refused, it ends. */
export function start(world: World, job: Job): void {
  if (job.ray === 'over' || job.live || job.frozen) return;
  job.ray = 'running';
  if (!world.appAnswers) return;
  const isAdmitted = job.attempt === world.attempt && world.state === 'RUNNING' && !world.begun;
  if (!isAdmitted) return void end(job);
  Object.assign(world, { begun: true, begunAt: world.now, beatAt: world.now, rayEndedAt: null });
  Object.assign(job, { live: true, heardAt: world.now });
  world.starts.set(job.attempt, (world.starts.get(job.attempt) ?? 0) + 1);
}

export const end = (job: Job): void => void Object.assign(job, { live: false, frozen: false, ray: 'over' });

/** User code ends by itself, and its driver says so if it can. */
export function complete(world: World, job: Job, ending: 'SUCCEEDED' | 'FAILED'): void {
  if (!job.live || job.frozen) return;
  end(job);
  if (world.appAnswers && job.attempt === world.attempt && isInFlight(world)) follow(world, ending, true);
}

export function cancel(world: World): void {
  if (world.state === 'QUEUED' || (world.state === 'RUNNING' && !world.begun)) world.state = 'CANCELLED';
  else if (world.state === 'RUNNING') world.state = 'CANCELLING';
}

function follow(world: World, ending: State, retryable: boolean): void {
  if (world.state === 'CANCELLING') world.state = 'CANCELLED';
  else world.state = ending !== 'SUCCEEDED' && retryable && world.attempt < world.maxAttempts ? 'QUEUED' : ending;
}

/** Time goes on by a second: drivers that are not frozen beat, hear that they are over, or end themselves. */
export function tick(world: World): void {
  world.now += 1;
  for (const job of world.jobs) {
    if (!job.live || job.frozen) continue;
    if (world.appAnswers && world.now % heartbeat === 0) beat(world, job);
    guard(world, job);
  }
}

/** The driver's own clock, which it looks at before anything else. */
function guard(world: World, job: Job): void {
  if (world.now - job.heardAt >= fenceSeconds) end(job);
}

export function thaw(world: World, job: Job): void {
  if (!job.frozen) return;
  job.frozen = false;
  guard(world, job);
}

function beat(world: World, job: Job): void {
  if (job.attempt !== world.attempt || !isInFlight(world)) return void end(job);
  world.beatAt = world.now;
  job.heardAt = world.now;
}

/** One look of reconcile: asks Ray, judges, and does what the verdict says. */
export function look(world: World): Verdict | null {
  if (!isInFlight(world)) return null;
  const job = world.jobs.findLast(({ attempt }) => attempt === world.attempt)!;
  const verdict = judge(factsOf(world), sightOf(world, job), bounds);
  if (verdict.kind === 'wait') noteEnd(world, verdict.rayEnded);
  else if (verdict.kind === 'resubmit') submit(world);
  else if (verdict.kind === 'stop') end(job);
  else act(world, verdict, job);
  return verdict;
}

function act(world: World, verdict: Extract<Verdict, { kind: 'end' }>, job: Job): void {
  if (verdict.stop && !world.shares && world.rayAnswers && !job.forgotten) end(job);
  for (const each of world.jobs) each.unseen ||= each.live && (!world.rayAnswers || each.forgotten);
  if (verdict.as === 'cancelled') world.state = 'CANCELLED';
  else if (verdict.as === 'never_began') world.state = 'QUEUED';
  else if (verdict.as === 'unknown') follow(world, 'LOST', world.idempotent);
  else follow(world, 'FAILED', isRetryable({ type: verdict.as === 'lost' ? 'Lost' : 'TimedOut', message: '' }, {}, []));
}

function noteEnd(world: World, rayEnded: boolean): void {
  if (!rayEnded) world.rayEndedAt = null;
  else if (world.rayEndedAt === null || world.beatAt > world.rayEndedAt) world.rayEndedAt = world.now;
}

const factsOf = (world: World) => ({
  cancelling: world.state === 'CANCELLING',
  accepted: !world.answersLost,
  begun: world.begun,
  shares: world.shares,
  claimedSecondsAgo: world.now - world.claimedAt,
  begunSecondsAgo: world.begun ? world.now - world.begunAt : null,
  silentSeconds: world.begun ? world.now - world.beatAt : null,
  rayEndedSecondsAgo:
    world.rayEndedAt === null || world.beatAt > world.rayEndedAt ? null : world.now - world.rayEndedAt,
});

function sightOf({ rayAnswers }: World, job: Job): JobSight {
  if (!rayAnswers) return { kind: 'unreachable', message: '' };
  if (job.forgotten) return { kind: 'gone', session: 'another' };
  return job.ray === 'over' ? { kind: 'failed', message: '', errorType: null } : { kind: job.ray, message: '' };
}

export const isOver = ({ state }: World): boolean => isFinal(state);

/** The states of an execution, in the order in which an observer may see them within one attempt (see `rankOf`). */
export const states = [
  'QUEUED',
  'RUNNING',
  'CANCELLING',
  'SUCCEEDED',
  'FAILED',
  'CANCELLED',
  'LOST',
  'EXPIRED',
] as const;
export type State = (typeof states)[number];

/** The states that only an explicit retry, or nothing at all, leads out of. */
export const finalStates = ['SUCCEEDED', 'FAILED', 'CANCELLED', 'LOST', 'EXPIRED'] as const satisfies readonly State[];
export type FinalState = (typeof finalStates)[number];

/** The four-word form of Django's tasks. */
export type Status = 'READY' | 'RUNNING' | 'SUCCESSFUL' | 'FAILED';

const moves: Record<State, readonly State[]> = {
  QUEUED: ['RUNNING', 'CANCELLED', 'EXPIRED'],
  RUNNING: ['SUCCEEDED', 'FAILED', 'LOST', 'CANCELLING', 'CANCELLED', 'QUEUED'],
  CANCELLING: ['CANCELLED'],
  SUCCEEDED: [],
  FAILED: ['QUEUED'],
  CANCELLED: ['QUEUED'],
  LOST: ['QUEUED'],
  EXPIRED: ['QUEUED'],
};

/** Whether the life of an execution knows this move; out of a final state it is an explicit retry. */
export const mayMove = (from: State, to: State): boolean => moves[from].includes(to);

export const isFinal = (state: State): state is FinalState => (finalStates as readonly State[]).includes(state);

export function statusOf(state: State): Status {
  if (state === 'QUEUED') return 'READY';
  if (state === 'RUNNING' || state === 'CANCELLING') return 'RUNNING';
  return state === 'SUCCEEDED' ? 'SUCCESSFUL' : 'FAILED';
}

/**
 * Where a state stands within one attempt. For every observer (attempt, rank) never decreases: waiting for the next
 * attempt comes after the end of the last one, which is why QUEUED ranks highest.
 */
export function rankOf(state: State): number {
  if (state === 'RUNNING') return 0;
  if (state === 'CANCELLING') return 1;
  return state === 'QUEUED' ? 3 : 2;
}

/** Where the value of a succeeded execution is. */
export type ResultState = 'none' | 'inline' | 'stored' | 'digest_only' | 'unavailable';

/** One row: a task and its input, as every reader outside the database sees it. */
export interface Execution {
  readonly id: string;
  readonly task: string;
  readonly state: State;
  readonly queue: string;
  /** -100..100; the larger runs first. */
  readonly priority: number;
  /** 0 until the first claim; only grows. */
  readonly attempt: number;
  /** The first included; raised by one for each claim that never reached user code. */
  readonly maxAttempts: number;
  /** As asked at enqueue, or when the next attempt is due; null where it was due at once. */
  readonly runAfter: Date | null;
  readonly enqueuedAt: Date;
  /** The first claim; kept by retries. */
  readonly startedAt: Date | null;
  /** The latest claim. */
  readonly lastAttemptedAt: Date | null;
  /** Null while unfinished, and again after a retry. */
  readonly finishedAt: Date | null;
  /** Grows with every change an observer can see; a heartbeat is none. */
  readonly version: number;
  /** JSON text, as the task last reported it. */
  readonly progress: string | null;
  /** JSON text, as given at enqueue. */
  readonly metadata: string | null;
  /** JSON text of `AttemptError`: of the last failed attempt, kept while the next one runs, gone with success. */
  readonly error: string | null;
  readonly result: Result;
  /** Set from the claim on where the runner is Ray's. */
  readonly ray: { readonly jobId: string; readonly address: string } | null;
}

/** What became of the value; `value` is JSON text exactly as its producer wrote it, null unless inline. */
export interface Result {
  readonly state: ResultState;
  readonly value: string | null;
  readonly reference: string | null;
  readonly bytes: number | null;
  readonly sha256: string | null;
  /** Why only the digest was kept. */
  readonly reason: string | null;
}

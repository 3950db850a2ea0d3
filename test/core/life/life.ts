import type { AttemptState } from '../../../src/core/attempt.ts';
import type { State } from '../../../src/core/execution.ts';

/** An attempt and the epoch under which somebody took it: the fence of an invocation's writes. */
export interface Ticket {
  readonly attempt: number;
  readonly epoch: number;
}

export const invocations = ['A', 'B'] as const;
export type Invocation = (typeof invocations)[number];

/** What is true of the lease of an invocation; one that has lapsed is dropped when it covers nothing any more. */
export type Lease = 'none' | 'live' | 'lapsed';

/** One execution on paper: all of its row that decides what may happen next, with instants cut down to before or after now. */
export interface Life {
  readonly state: State;
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly version: number;
  readonly epoch: number;
  readonly runner: 'inline' | 'ray_job' | null;
  /** Of the driver that has begun the latest attempt. */
  readonly nonce: string | null;
  readonly holder: Invocation | null;
  readonly ready: boolean;
  readonly due: boolean;
  readonly expiry: 'never' | 'ahead' | 'passed';
  readonly checkDue: boolean;
  readonly leases: Readonly<Record<Invocation, Lease>>;
  /** How each attempt ended, by its number from 1. */
  readonly ended: readonly AttemptState[];
  /** Places taken on the cluster. */
  readonly running: number;
}

/** An execution as it is stored, and what its callers remember of it, however stale. */
export interface World {
  /** Null once it is purged. */
  readonly life: Life | null;
  readonly tickets: readonly Ticket[];
}

/** What the one who asked is told; compared as it is with what the statement answers. */
export type Answer = unknown;

/** What one event makes of a life, what it answers, and the ticket that its caller keeps. */
export type Step = readonly [life: Life | null, answer: Answer, ticket?: Ticket];

export interface Enqueued {
  readonly maxAttempts: number;
  readonly delayed: boolean;
  readonly expires: boolean;
}

/** What an explicit retry grants. */
export const granted = 2;

export function born({ maxAttempts, delayed, expires }: Enqueued): World {
  const life: Life = {
    state: 'QUEUED',
    attempt: 0,
    maxAttempts,
    version: 1,
    epoch: 0,
    runner: null,
    nonce: null,
    holder: null,
    ready: !delayed,
    due: !delayed,
    expiry: expires ? 'ahead' : 'never',
    checkDue: false,
    leases: { A: 'none', B: 'none' },
    ended: [],
    running: 0,
  };
  return { life, tickets: [] };
}

export const isInFlight = ({ state }: Life): boolean => state === 'RUNNING' || state === 'CANCELLING';

/** Whether user code may have started in the latest attempt: its claim is the begin of an inline one. */
export const hasBegun = ({ runner, nonce }: Life): boolean => runner === 'inline' || nonce !== null;

/** A driver of the latest attempt, or of one so many before it. Each attempt may be started twice by mistake. */
export interface Driver {
  readonly back: number;
  readonly which: 'one' | 'two';
}

export const attemptOf = (life: Life, { back }: Driver): number => life.attempt - back;
export const nonceOf = (life: Life, driver: Driver): string => `${attemptOf(life, driver)}-${driver.which}`;

import type { RayOptions } from './task.ts';

/** Where user code runs: in the function itself, as a Ray job, or through the Ray Serve gateway. */
export const runnerNames = ['inline', 'ray_job', 'ray_core'] as const;
export type RunnerName = (typeof runnerNames)[number];

/** What a remote runner is given to start an attempt: everything it needs, and no input (the driver fetches that). */
export interface AttemptStart {
  /** Chosen by us before the call: `jobOf` the attempt. */
  readonly jobId: string;
  readonly executionId: string;
  readonly attempt: number;
  /** Where the driver reports: `<public url>/attempts/<id>/<attempt>`. */
  readonly attemptUrl: string;
  /** A bearer good for this attempt until it begins. */
  readonly capability: string;
  readonly ray: RayOptions;
  /** Those that are started together and share a job of this id, all of one task, are one job. Only where `sharesJobs`. */
  readonly sharesJob?: boolean;
}

/**
 * accepted: the job exists, by this call or an earlier one of the same id. refused: Ray understood and will never take
 * it. unknown: no answer that can be trusted; ask for the id later, never send another id.
 */
export type StartAnswer =
  | { readonly kind: 'accepted'; readonly session: string }
  | { readonly kind: 'refused'; readonly message: string }
  | { readonly kind: 'unknown'; readonly message: string };

/** What the cluster says of a job. `session` names the cluster's incarnation: it changes when a head forgets its jobs. */
export type JobSight =
  | { readonly kind: 'pending' | 'running'; readonly message: string }
  | {
      readonly kind: 'succeeded' | 'failed' | 'stopped';
      readonly message: string;
      readonly errorType: string | null;
    }
  | { readonly kind: 'gone'; readonly session: string }
  | { readonly kind: 'unreachable'; readonly message: string }
  | { readonly kind: 'denied'; readonly message: string };

/** A runner whose attempts outlive the call that started them. It remembers nothing: every id is ours. */
export interface RemoteRunner {
  readonly name: Exclude<RunnerName, 'inline'>;
  /** Names the capacity row: the cluster's address without credentials. */
  readonly cluster: string;
  /** How many attempts one request starts, where a platform counts requests. */
  readonly startsPerRequest: number;
  /** Whether a record of each attempt stays there until `remove`. */
  readonly keepsRecords: boolean;
  /** Whether several attempts may be one job, which runs them one after the other. */
  readonly sharesJobs: boolean;
  /** One answer for each attempt, in their order. */
  start(attempts: readonly AttemptStart[]): Promise<readonly StartAnswer[]>;
  /** One sight for each id, in their order; null for those not asked about, because the cluster stopped answering. */
  inspect(jobIds: readonly string[]): Promise<readonly (JobSight | null)[]>;
  /** Asks the job to stop; safe to repeat, and no proof that it did. False: it could not be asked. */
  stop(jobId: string): Promise<boolean>;
  /** Deletes the record of a finished job; true also where there was none. */
  remove(jobId: string): Promise<boolean>;
  /** The last `lines` of the job's log, at most 64 KiB; null where there is none to be had. */
  logTail(jobId: string, lines: number): Promise<string | null>;
  /** Reachability and versions, for `/health`. */
  health(): Promise<RunnerHealth>;
}

export type RunnerHealth =
  | { readonly reachable: true; readonly version: string; readonly session: string }
  /** `refused`: it answers, and is not to be used (too old). */
  | { readonly reachable: false; readonly reason: string; readonly refused: boolean };

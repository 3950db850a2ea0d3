import type { BackoffPolicy } from '../core/backoff.ts';
import type { Log } from '../core/observe.ts';
import type { Redaction } from '../core/redact.ts';
import type { ResultStore } from '../core/result-store.ts';
import type { RemoteRunner, RunnerName } from '../core/runner.ts';
import type { ServedSchedule } from '../core/schedule.ts';
import type { AnyTask } from '../core/task.ts';
import type { Db } from '../db/db.ts';

/** The bounds and choices of a deployment that verbs need; contract §5 has each with its default and range. */
export interface EngineSettings {
  /** Runner of a task that has both an inline and a Ray form. */
  readonly runner: RunnerName;
  /** Null where any queue name is allowed. */
  readonly queues: readonly string[] | null;
  readonly concurrency: number;
  readonly maxAttempts: number;
  readonly backoff: BackoffPolicy;
  readonly retryDenylist: readonly string[];
  readonly taskTimeoutSeconds: number | null;
  readonly queueTimeoutSeconds: number | null;
  readonly startTimeoutSeconds: number;
  readonly stuckSeconds: number;
  readonly graceSeconds: number;
  readonly leaseSeconds: number;
  readonly heartbeatSeconds: number;
  /** Values up to this many bytes of JSON live in the row. */
  readonly inlineBytes: number;
  /** Where drivers reach this app; null without Ray. */
  readonly publicUrl: string | null;
}

/** What every verb works with. It holds no state of its own: a process may make one, or one for each call. */
export interface Engine {
  readonly db: Db;
  readonly tasks: ReadonlyMap<string, AnyTask>;
  readonly schedules: readonly ServedSchedule[];
  readonly settings: EngineSettings;
  /** Where new attempts on Ray go; null where Ray is not configured. */
  readonly ray: RemoteRunner | null;
  /** Every runner that may hold attempts, `ray` among them: those of before a switch are looked after as well. */
  readonly remotes: readonly RemoteRunner[];
  readonly store: ResultStore;
  readonly log: Log;
  /** What every text of a task goes through that people will read: errors, tracebacks, what a job printed. */
  readonly redact: Redaction;
  /** 0 ≤ x < 1; the dice of jitter. */
  readonly random: () => number;
  readonly newId: () => string;
  /** Milliseconds that only grow; for budgets inside one call, never for what the database decides. */
  readonly monotonicMs: () => number;
  /** How many more requests to anybody this call may make; without end where no platform counts them. */
  readonly requestsLeft: () => number;
  /** Aborts when the process is about to end: nothing more is claimed, and running code gets a last grace. */
  readonly closing: AbortSignal;
  /** A bearer good for one attempt until it begins. */
  readonly capability: (executionId: string, attempt: number) => string;
}

import { toCamelCase } from './names.ts';

export type State = 'QUEUED' | 'RUNNING' | 'CANCELLING' | 'SUCCEEDED' | 'FAILED' | 'CANCELLED' | 'LOST' | 'EXPIRED';

/**
 * An execution as the server shows it. Times are RFC 3339 text, null where not yet. Values have gone through
 * `JSON.parse`: an integer beyond 2^53 is no longer exact; `resultText` has it as it was written.
 */
export interface Execution<Output = unknown> {
  readonly id: string;
  readonly task: string;
  readonly state: State;
  readonly status: 'READY' | 'RUNNING' | 'SUCCESSFUL' | 'FAILED';
  /** 0 until the first claim; only grows. */
  readonly attempt: number;
  readonly maxAttempts: number;
  readonly runAfter: string | null;
  readonly enqueuedAt: string;
  readonly startedAt: string | null;
  readonly lastAttemptedAt: string | null;
  readonly finishedAt: string | null;
  /** There only when it succeeded and the value is small; a larger one is what `result()` fetches. */
  readonly result?: Output;
  readonly resultState: 'none' | 'inline' | 'stored' | 'digest_only' | 'unavailable';
  readonly resultBytes: number | null;
  readonly resultSha256: string | null;
  readonly resultReason?: string;
  /** Of the last failed attempt, kept while the next one runs. */
  readonly error: {
    readonly type: string;
    readonly message: string;
    readonly retryable?: boolean;
    readonly traceback?: string;
  } | null;
  /** What the task last reported. */
  readonly progress: unknown;
  /** Grows with every change that can be seen here. */
  readonly version: number;
  /** When it is worth looking again; null when final. */
  readonly pollAfterMs: number | null;
  /** This and all below are not shown to a status token. */
  readonly queueName?: string;
  readonly backendName?: string;
  readonly priority?: number;
  readonly resultReference?: string | null;
  readonly metadata?: Readonly<Record<string, unknown>> | null;
  readonly ray?: { readonly jobId: string; readonly address: string } | null;
}

/** Reads the task object of an answer. */
export function toExecution<Output>(task: Readonly<Record<string, unknown>>): Execution<Output> {
  const { ray } = task;
  return toCamelCase({ ...task, ...(ray ? { ray: toCamelCase(ray) } : {}) }) as unknown as Execution<Output>;
}

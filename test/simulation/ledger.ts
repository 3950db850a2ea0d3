import type { AttemptState } from '../../src/core/attempt.ts';
import type { Call, Process } from './clockwork/process.ts';
import type { StatementName } from './database/statements.ts';

/** User code of one attempt, from its first line to its last. */
export interface CodeRun {
  readonly id: string;
  readonly attempt: number;
  readonly process: Process;
  readonly fromMs: number;
  readonly fromStep: number;
  toMs: number | null;
  /** JSON text of what it returned; null while it has not. */
  value: string | null;
  /** It went on after it was told to end. */
  wasDeaf: boolean;
}

/** An enqueue that was answered. */
export interface Acknowledged {
  readonly id: string;
  readonly idempotencyKey: string | undefined;
  readonly uniqueKey: string | undefined;
  readonly created: boolean;
  readonly step: number;
}

/** What a driver was told of its outcome. */
export interface Completion {
  readonly id: string;
  readonly attempt: number;
  readonly state: AttemptState;
  readonly step: number;
}

/** What Ray truly said, to whom, about a job. */
export interface Sighting {
  readonly call: number;
  readonly jobId: string;
  readonly said: 'pending' | 'running' | 'over' | 'no_such_job' | 'nothing_clear';
  readonly step: number;
}

/** All that happened outside of the database, in the order in which it did. */
export interface Ledger {
  readonly acknowledged: Acknowledged[];
  readonly codeRuns: CodeRun[];
  readonly completions: Completion[];
  readonly sightings: Sighting[];
  /** Who had a statement done, by its step. */
  readonly writers: Map<number, { readonly call: Call; readonly statement: StatementName }>;
  /** Submissions that made a job: id and Ray's session. */
  readonly jobs: { readonly jobId: string; readonly session: string; readonly step: number }[];
  readonly calls: { readonly call: Call; readonly about: string | null; readonly fromStep: number; toStep: number }[];
  /** What broke a promise while the run went on. */
  readonly breaches: string[];
}

export const emptyLedger = (): Ledger => ({
  acknowledged: [],
  codeRuns: [],
  completions: [],
  sightings: [],
  writers: new Map(),
  jobs: [],
  calls: [],
  breaches: [],
});

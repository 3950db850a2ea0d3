/** Why an attempt failed. The value of `error` on the wire, without `traceback` for holders of a status token. */
export interface AttemptError {
  /** The exception's short class name, or one of ours: `Lost`, `TimedOut`, `NeverBegan`, `UnknownTask`, … */
  readonly type: string;
  readonly message: string;
  /** Whether the policy lets another attempt follow, as far as the error is concerned. */
  readonly retryable: boolean;
  readonly traceback?: string;
}

/** A failure as its runner reports it, before the retry policy has judged it. */
export interface Failure {
  readonly type: string;
  readonly message: string;
  readonly traceback?: string | undefined;
  /** Every name the deny list may know it by: short and qualified, of the class and its bases. */
  readonly names?: readonly string[] | undefined;
  /** Said by the runner where trying again cannot help (a value that cannot be serialised). */
  readonly retryable?: boolean | undefined;
}

/** Where a value went: JSON text into the row, or by reference. */
export type StoredValue =
  | { readonly state: 'inline'; readonly value: string }
  | { readonly state: 'stored'; readonly reference: string; readonly bytes: number; readonly sha256: string }
  | {
      readonly state: 'digest_only';
      readonly reference: string;
      readonly bytes: number;
      readonly sha256: string;
      readonly reason: string;
    };

/** One try of an execution, as history keeps it. A running one has no end. */
export interface Attempt {
  readonly attempt: number;
  readonly state: AttemptState;
  readonly runner: string;
  readonly claimedAt: Date;
  readonly begunAt: Date | null;
  readonly endedAt: Date | null;
  readonly rayJobId: string | null;
  /** JSON text of `AttemptError`. */
  readonly error: string | null;
}

/** RELEASED: handed back before user code began. */
export const attemptStates = ['RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED', 'LOST', 'RELEASED'] as const;
export type AttemptState = (typeof attemptStates)[number];

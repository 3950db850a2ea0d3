import type * as z from 'zod';
import type { RetryPolicy } from './retry.ts';

/** What `run` learns about the attempt it is. */
export interface TaskContext {
  readonly id: string;
  /** 1 for the first. */
  readonly attempt: number;
  /** Aborts when the attempt is cancelled, times out or loses its lease. Code deaf to it may overlap what follows. */
  readonly signal: AbortSignal;
  /** Reports progress: any JSON value of at most 4 KiB; the latest wins. */
  progress(value: unknown): void;
}

/** How a task runs on Ray. Nothing here can come from a request. */
export interface RayOptions {
  /** `package.module:function`, called with the input. */
  readonly callable: string;
  readonly numCpus?: number;
  readonly numGpus?: number;
  readonly memory?: number;
  readonly resources?: Readonly<Record<string, number>>;
  readonly labelSelector?: Readonly<Record<string, string>>;
  /**
   * Up to so many executions of this task share one Ray job, if they are claimed together: one after the other, each in a
   * process of its own. For tasks of less than a few seconds, since a job alone takes one to start; 1 unless said.
   */
  readonly executionsPerJob?: number;
  /** Ray's own `runtime_env`; laid over `MOBULA_RAY_RUNTIME_ENV`, `env_vars` merged by key. */
  readonly runtimeEnv?: Readonly<Record<string, unknown>>;
}

type Run<Input, Output> = (input: Input, context: TaskContext) => Output | Promise<Output>;

/** What `task()` takes. At least one of `run` and `ray`. */
export interface TaskOptions<Schema extends z.ZodType, Output, Name extends string = string> {
  readonly name: Name;
  readonly input: Schema;
  readonly run?: Run<z.output<Schema>, Output>;
  readonly ray?: RayOptions;
  /** The queue when enqueue names none; `default` unless said. */
  readonly queueName?: string;
  /** -100..100; 0 unless said. */
  readonly priority?: number;
  readonly retry?: RetryPolicy;
  /** Run deadline of an attempt, from begin. */
  readonly timeoutSeconds?: number;
  readonly queueTimeoutSeconds?: number;
  /** Whether an attempt whose end cannot be known may be followed by another. */
  readonly idempotent?: boolean;
}

/** A named, typed unit of work: what can be enqueued, and how it is run. */
export interface Task<Schema extends z.ZodType = z.ZodType, Output = unknown, Name extends string = string>
  extends TaskOptions<Schema, Output, Name> {
  readonly kind: typeof taskKind;
}

/** Any task, whatever its input and output. */
// biome-ignore lint/suspicious/noExplicitAny: a task consumes its input, so only `any` accepts tasks of every input.
export type AnyTask = Task<any, any>;

export type InputOf<T extends AnyTask> = z.input<T['input']>;
export type OutputOf<T> = T extends Task<z.ZodType, infer Output> ? Output : unknown;

/** A string, so that tasks made by another copy of the library are still recognised. */
export const taskKind = 'mobula.task';

export const isTask = (value: unknown): value is AnyTask =>
  typeof value === 'object' && value !== null && 'kind' in value && value.kind === taskKind;

/** Which runners a task can have: the lane in which its executions are claimed. */
export const taskForms = ['inline', 'ray', 'both'] as const;
export type TaskForm = (typeof taskForms)[number];

export const formOf = (task: AnyTask): TaskForm => (task.run ? (task.ray ? 'both' : 'inline') : 'ray');

/** What a test may make of a job. */
export type JobStatus = 'PENDING' | 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'STOPPED';

export interface SubmitBody {
  readonly entrypoint: string;
  readonly submission_id: string;
  readonly metadata?: Record<string, string>;
  readonly runtime_env?: { env_vars?: Record<string, string>; py_modules?: string[]; working_dir?: string };
  readonly [field: string]: unknown;
}

export interface Job {
  readonly body: SubmitBody;
  readonly startTime: number;
  status: JobStatus;
  message: string;
  errorType: string | null;
  exitCode: number | null;
  endTime: number | null;
  /** Whether a supervisor was started: without one the job is PENDING for ever, and a stop does nothing. */
  readonly isGhost: boolean;
  /** Says RUNNING only because nobody has looked since its head died. */
  isStale: boolean;
  readLog: () => string;
}

const terminal: readonly JobStatus[] = ['SUCCEEDED', 'FAILED', 'STOPPED'];

export const isTerminal = (job: Job): boolean => terminal.includes(job.status);

/** The records of Ray's head: what survives a restart only with durable storage. */
export class JobBook {
  readonly nodeId = 'c757a2a916436bc89575281c899b04612a7a2c4878b6cb9e338213cf';
  readonly jobs = new Map<string, Job>();
  readonly packages = new Map<string, Buffer>();
  session = newSession();

  /** Create-only, as Ray's own key is: null where the id is taken. */
  create(body: SubmitBody, isGhost = false): Job | null {
    if (this.jobs.has(body.submission_id)) return null;
    const job: Job = {
      body,
      startTime: Date.now(),
      status: 'PENDING',
      message: 'Job has not started yet. It may be waiting for the runtime environment to be set up.',
      errorType: null,
      exitCode: null,
      endTime: null,
      isGhost,
      isStale: false,
      readLog: () => '',
    };
    this.jobs.set(body.submission_id, job);
    return job;
  }

  /** Moves a job on; a terminal one never moves again. */
  mark(job: Job, status: JobStatus, more: Partial<Pick<Job, 'message' | 'errorType' | 'exitCode'>> = {}): void {
    if (isTerminal(job)) return;
    Object.assign(job, { status, isStale: false, ...more });
    if (isTerminal(job)) job.endTime = Date.now();
  }

  /** Whatever reaches the job agent makes it look after the jobs of an earlier head. */
  wake(): void {
    for (const job of this.jobs.values()) {
      if (!job.isStale) continue;
      const message = 'Unexpected error occurred: failed to get job supervisor.';
      this.mark(job, 'FAILED', { message, errorType: 'JOB_SUPERVISOR_ACTOR_START_FAILURE' });
    }
  }

  forgetAll(): void {
    this.jobs.clear();
    this.packages.clear();
    this.session = newSession();
  }
}

let sessions = 0;

function newSession(): string {
  sessions += 1;
  return `session_2026-11-21_00-00-00_000000_${sessions}`;
}

/** As Ray's REST interface shows a job. */
export function toDetails(job: Job, nodeId: string): Record<string, unknown> {
  const hasRun = job.status === 'RUNNING' || job.exitCode !== null || job.status === 'STOPPED';
  return {
    type: 'SUBMISSION',
    job_id: null,
    submission_id: job.body.submission_id,
    driver_info: null,
    status: job.status,
    entrypoint: job.body.entrypoint,
    message: job.message,
    error_type: job.errorType,
    start_time: job.startTime,
    end_time: job.endTime,
    metadata: job.body.metadata ?? null,
    runtime_env: job.body.runtime_env ?? null,
    driver_agent_http_address: hasRun ? 'http://127.0.0.1:52365' : null,
    driver_node_id: hasRun ? nodeId : null,
    driver_exit_code: job.exitCode,
  };
}

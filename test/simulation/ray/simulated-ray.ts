import { isTerminal, type Job, JobBook } from '../../support/fake-ray/job-book.ts';
import { answerCall, type JobLife, type Reply } from '../../support/fake-ray/rest.ts';
import { kill, type Process } from '../clockwork/process.ts';
import { startDriver } from '../driver/simulated-driver.ts';
import { isOngoing, type World } from '../world.ts';
import { type InLine, lineOf } from './job-line.ts';

/** Ray's head with its records, and the drivers that its jobs became. */
export interface SimulatedRay {
  readonly book: JobBook;
  /** Answers one call, as Ray 2.58 was measured to. */
  answer(method: string, path: string, body: string): Reply;
  /** Records a job without a supervisor: PENDING for ever. */
  makeGhost(body: string): void;
  /** A new head that has forgotten all jobs; drivers on other nodes live on. */
  restartForgetful(): void;
  /** A new head that remembers its jobs; they died, and say RUNNING until something reaches the job agent. */
  restartDurably(): void;
  /** Drivers that live, by their job. */
  readonly drivers: ReadonlyMap<Job, Process>;
  inFlight(): number;
  /** When the last driver of an attempt died; null where none has lived, or one still does. */
  deathOf(id: string, attempt: number): number | null;
}

const entrypointFailed = {
  message: 'Job entrypoint command failed.',
  errorType: 'JOB_ENTRYPOINT_COMMAND_ERROR',
};

/** Ray kills a job so long after asking it to end. */
const stopGraceMs = 3_000;

export function makeRay(world: World): SimulatedRay {
  const { dice, scheduler, ledger } = world;
  const book = new JobBook();
  const drivers = new Map<Job, Process>();
  const everyDriver = new Map<string, Process>();
  const stops = new Map<Job, () => void>();
  let sessions = 0;
  const newSession = () => {
    book.session = `session_${world.plan.seed}_${++sessions}`;
  };
  newSession();

  function start(job: Job): void {
    ledger.jobs.push({ jobId: job.body.submission_id, session: book.session, step: scheduler.step() });
    const late = dice.chance(world.weather.jobStartsLate);
    const waitMs = late ? world.plan.settings.startTimeoutSeconds * dice.between(300, 1_500) : dice.between(100, 1_500);
    scheduler.after(waitMs, () => tryStart(job));
  }

  /** A job waits while the cluster is full; one whose record is gone, or whose head died before it started, never starts. */
  function tryStart(job: Job): void {
    if (job.status !== 'PENDING' || job.isGhost || book.jobs.get(job.body.submission_id) !== job) return;
    if (isOngoing(world, 'ray_is_full')) return void scheduler.after(dice.between(500, 3_000), () => tryStart(job));
    book.mark(job, 'RUNNING', { message: 'Job is currently running.' });
    startNext(job, lineOf(job.body));
  }

  /** As `shared.py`: the next in line begins when the one before has left by itself, however it ended. */
  function startNext(job: Job, [first, ...rest]: readonly InLine[]): void {
    if (!first) return;
    if (rest.length > 0) world.hit('W21a');
    const driver = startDriver(world, first, (code) => {
      if (rest.length === 0) return noteEnd(job, code);
      if (code !== null && !wasStopped.has(job)) return startNext(job, rest);
      world.hit('W21b');
      noteEnd(job, code === null ? null : 1);
    });
    drivers.set(job, driver.process);
    everyDriver.set(`${first.id} ${first.attempt}`, driver.process);
    stops.set(job, driver.terminate);
  }

  /** Ray learns of an end a little later; of a node's, much later. */
  function noteEnd(job: Job, exitCode: number | null): void {
    drivers.delete(job);
    stops.delete(job);
    const delayMs = exitCode === null && dice.chance(0.2) ? dice.between(5_000, 17_000) : dice.between(5, 1_500);
    scheduler.after(delayMs, () => markEnded(job, exitCode));
  }

  function markEnded(job: Job, exitCode: number | null): void {
    if (job.isStale) return; // its head died with it, and nobody has looked since
    const code = exitCode ?? -9;
    if (wasStopped.has(job)) book.mark(job, 'STOPPED', { message: 'Job was intentionally stopped.' });
    else if (code === 0) book.mark(job, 'SUCCEEDED', { message: 'Job finished successfully.', exitCode: 0 });
    else book.mark(job, 'FAILED', { ...entrypointFailed, exitCode: code });
  }

  const wasStopped = new Set<Job>();

  /** A PENDING job cannot be stopped: it answers that it was, and starts later all the same. */
  function stop(job: Job): void {
    const driver = drivers.get(job);
    if (job.status !== 'RUNNING' || !driver) return;
    wasStopped.add(job);
    scheduler.after(dice.between(5, 300), () => stops.get(job)?.(), driver);
    scheduler.after(stopGraceMs, () => kill(driver, 'Ray kills what it has stopped'));
  }

  /** Somebody asks about a job, and it starts just then. */
  function hurry(path: string): void {
    const job = book.jobs.get(path.slice('/api/jobs/'.length));
    if (job?.status !== 'PENDING' || !dice.chance(world.weather.jobStartsWhenAsked)) return;
    scheduler.after(dice.between(0, 60), () => tryStart(job));
  }

  const life: JobLife = { start, stop };
  const killDrivers = (why: string, spares: () => boolean) => {
    for (const driver of [...drivers.values()]) if (!spares()) kill(driver, why);
  };

  return {
    book,
    drivers,
    answer: (method, path, body) => {
      const call = { method, path, query: new URLSearchParams(), body: Buffer.from(body) };
      if (method === 'GET') hurry(path);
      return answerCall(call, { book, life, version: '2.58.0' });
    },
    makeGhost: (body) => {
      const made = book.create(JSON.parse(body), true);
      if (made) ledger.jobs.push({ jobId: made.body.submission_id, session: book.session, step: scheduler.step() });
    },
    inFlight: () => [...book.jobs.values()].filter((job) => !isTerminal(job)).length,
    deathOf: (id, attempt) => everyDriver.get(`${id} ${attempt}`)?.diedAtMs ?? null,
    restartForgetful() {
      if ([...book.jobs.values()].some((job) => !isTerminal(job))) world.hit('W8a');
      const haveOrphans = dice.chance(0.7);
      killDrivers('its node went with the head', () => haveOrphans && dice.chance(0.8));
      book.forgetAll();
      newSession();
      world.trace('Ray restarts and has forgotten its jobs');
    },
    restartDurably() {
      for (const job of book.jobs.values()) {
        if (job.status === 'RUNNING') job.isStale = true;
        if (job.status === 'PENDING') Object.assign(job, { isGhost: true });
      }
      killDrivers('its head restarted', () => false);
      world.trace('Ray restarts and remembers its jobs');
    },
  };
}

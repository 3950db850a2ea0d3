import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Job, JobBook } from './job-book.ts';
import type { JobLife } from './rest.ts';

const run = promisify(execFile);

/** Ray gives a stopped job three seconds, then kills it. */
const stopGraceMs = 3_000;

/**
 * Runs jobs as Ray's supervisor does: `/bin/sh -c <entrypoint>` in a session of its own, with the job's environment and
 * its packages on PYTHONPATH. Without a node, workers or Ray itself, so that the real driver starts in a fifth of a second.
 */
export class ProcessLife implements JobLife {
  readonly #book: JobBook;
  readonly #children = new Map<Job, ChildProcess>();
  readonly #stopping = new Set<Job>();
  readonly #orphans: ChildProcess[] = [];
  readonly #unpacked = new Map<string, Promise<string>>();
  readonly #place = once(makePlace);
  #isClosed = false;

  constructor(book: JobBook) {
    this.#book = book;
  }

  start(job: Job): void {
    this.#begin(job).catch((error: Error) =>
      this.#book.mark(job, 'FAILED', { message: error.message, errorType: 'RUNTIME_ENV_SETUP_FAILURE' }),
    );
  }

  /** One that has not started yet is stopped as it starts. */
  stop(job: Job): void {
    this.#stopping.add(job);
    const child = this.#children.get(job);
    if (!child) return;
    signalGroup(child, 'SIGTERM');
    const timer = setTimeout(() => signalGroup(child, 'SIGKILL'), stopGraceMs);
    child.once('exit', () => clearTimeout(timer));
  }

  /** The process of a running job's entrypoint. */
  pidOf(job: Job): number | undefined {
    return this.#children.get(job)?.pid;
  }

  /** What the death of the head does: the record stays as it is. */
  abandon({ killed }: { killed: boolean }): void {
    for (const child of this.#children.values()) {
      child.removeAllListeners('exit');
      if (killed) signalGroup(child, 'SIGKILL');
      else this.#orphans.push(child);
    }
    this.#children.clear();
    this.#unpacked.clear();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.abandon({ killed: true });
    for (const orphan of this.#orphans) signalGroup(orphan, 'SIGKILL');
    if (!this.#place.wasAsked()) return;
    const { folder } = await this.#place();
    await rm(folder, { recursive: true, force: true });
  }

  async #begin(job: Job): Promise<void> {
    const { folder } = await this.#place();
    const { env_vars = {}, py_modules = [], working_dir } = job.body.runtime_env ?? {};
    const modules = await Promise.all(py_modules.map((uri) => this.#unpack(uri)));
    const cwd = working_dir === undefined ? folder : await this.#unpack(working_dir);
    if (this.#isClosed || this.#book.jobs.get(job.body.submission_id) !== job) return;
    if (this.#stopping.has(job)) return this.#book.mark(job, 'STOPPED', { message: stopped });

    const log = join(folder, `job-driver-${job.body.submission_id}.log`);
    writeFileSync(log, `Runtime env is setting up.\nRunning entrypoint for job ${job.body.submission_id}\n`);
    const output = openSync(log, 'a');
    const { PATH = '', HOME = '', LANG = 'C.UTF-8', TMPDIR = tmpdir() } = process.env;
    const paths = [...modules, ...(working_dir === undefined ? [] : [cwd]), env_vars['PYTHONPATH'] ?? ''];
    const metadata = { ...job.body.metadata, job_submission_id: job.body.submission_id };
    const RAY_JOB_CONFIG_JSON_ENV_VAR = JSON.stringify({ runtime_env: job.body.runtime_env ?? {}, metadata });
    const own = {
      PATH: `${folder}/bin:${PATH}`,
      HOME,
      LANG,
      TMPDIR,
      PYTHONUNBUFFERED: '1',
      RAY_JOB_CONFIG_JSON_ENV_VAR,
    };
    const env = { ...own, ...env_vars };
    const child = spawn('/bin/sh', ['-c', job.body.entrypoint], {
      cwd,
      detached: true,
      env: { ...env, PYTHONPATH: paths.filter((path) => path !== '').join(':') },
      stdio: ['ignore', output, output],
    });
    closeSync(output);
    this.#children.set(job, child);
    job.readLog = () => readFileSync(log, 'utf8');
    child.once('exit', (code, signal) => this.#end(job, code ?? -constants.signals[signal ?? 'SIGKILL']));
    this.#book.mark(job, 'RUNNING', { message: 'Job is currently running.' });
  }

  #end(job: Job, exitCode: number): void {
    this.#children.delete(job);
    const log = job.readLog();
    job.readLog = () => log;
    if (this.#stopping.has(job)) this.#book.mark(job, 'STOPPED', { message: stopped });
    else if (exitCode === 0) this.#book.mark(job, 'SUCCEEDED', { message: 'Job finished successfully.', exitCode });
    else this.#book.mark(job, 'FAILED', failure(exitCode, log));
  }

  #unpack(uri: string): Promise<string> {
    const known = this.#unpacked.get(uri);
    if (known !== undefined) return known;
    const bytes = this.#book.packages.get(uri.replace('gcs://', ''));
    if (!bytes)
      throw new Error(`runtime_env setup failed: OSError: Failed to download runtime_env file package ${uri}`);
    const folder = this.#unpackInto(bytes, uri);
    this.#unpacked.set(uri, folder);
    return folder;
  }

  async #unpackInto(bytes: Buffer, uri: string): Promise<string> {
    const { folder, python } = await this.#place();
    const target = join(folder, uri.replaceAll(/[^\w]/g, '_'));
    await writeFile(`${target}.zip`, bytes);
    await run(python, ['-m', 'zipfile', '-e', `${target}.zip`, target]);
    return target;
  }
}

const stopped = 'Job was intentionally stopped.';

const failure = (exitCode: number, log: string) => ({
  message: `Job entrypoint command failed with exit code ${exitCode}, last available logs (truncated to 20,000 chars):\n${log.split('\n').slice(-11).join('\n').slice(-20_000)}`,
  errorType: 'JOB_ENTRYPOINT_COMMAND_ERROR',
  exitCode,
});

/** A value made when first asked for. */
function once<Value>(make: () => Promise<Value>): { (): Promise<Value>; wasAsked(): boolean } {
  let made: Promise<Value> | null = null;
  const get = () => {
    made ??= make();
    return made;
  };
  return Object.assign(get, { wasAsked: () => made !== null });
}

/** A folder with a `python`, which many machines call `python3` only. */
async function makePlace(): Promise<{ folder: string; python: string }> {
  const { stdout } = await run('python3', ['-c', 'import sys; print(sys.executable)']);
  const python = stdout.trim();
  const folder = await mkdtemp(join(tmpdir(), 'fake-ray-'));
  await mkdir(join(folder, 'bin'));
  await writeFile(join(folder, 'bin/python'), `#!/bin/sh\nexec '${python}' "$@"\n`, { mode: 0o755 });
  return { folder, python };
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  try {
    process.kill(-child.pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

import { isTerminal, type Job, type JobBook, type SubmitBody, toDetails } from './job-book.ts';
import { checkSubmission } from './submission.ts';

export interface Call {
  readonly method: string;
  /** Without query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly body: Buffer;
}

export interface Reply {
  readonly status: number;
  readonly text: string;
  readonly type?: string;
}

/** What a job does once it is recorded; the fake that only keeps records does nothing. */
export interface JobLife {
  start(job: Job): void;
  stop(job: Job): void;
}

const plain = (status: number, text: string): Reply => ({ status, text, type: 'text/plain; charset=utf-8' });
const json = (value: unknown): Reply => ({ status: 200, text: JSON.stringify(value), type: 'application/json' });
const noSuchJob = (id: string) => plain(404, `Job ${id} does not exist`);

/** An error of the job agent, as the head passes it on: a 500 around the agent's own status, and two tracebacks. */
export const agentError = (status: number, exception: string): Reply =>
  plain(
    500,
    `Traceback (most recent call last):\n  File "/ray/dashboard/modules/job/job_head.py", line 407, in submit_job\n    resp = await job_agent_client.submit_job_internal(submit_request)\nRuntimeError: Request failed with status code ${status}: Traceback (most recent call last):\n  File "/ray/dashboard/modules/job/job_agent.py", line 45, in submit_job\n    submission_id = await self.get_job_manager().submit_job(\n${exception}\n.\n`,
  );

export const alreadyExists = (id: string): Reply =>
  agentError(400, `ValueError: Job with submission_id ${id} already exists. Please use a different submission_id.`);

/** Answers one call as Ray 2.58.0 does (measured); the texts matter, since Ray has little else to tell cases apart. */
export function answerCall(
  call: Call,
  { book, life, version }: { book: JobBook; life: JobLife; version: string },
): Reply {
  const { method, path } = call;
  const [, packageName] = /^\/api\/packages\/gcs\/([^/]+)$/.exec(path) ?? [];
  const [, jobId, verb] = /^\/api\/jobs\/([^/]+)(\/stop)?$/.exec(path) ?? [];
  if (path === '/api/version') {
    return json({ version: '4', ray_version: version, ray_commit: 'cec0a091', session_name: book.session });
  }
  if (path === '/api/gcs_healthz') return plain(200, 'success');
  if (path === '/api/v0/logs/file') return readLog(call.query, book);
  if (packageName !== undefined) return answerPackage(call, packageName, book);
  if (method === 'POST' && path === '/api/jobs/') return submit(call.body, book, life);
  if (jobId !== undefined && verb === '/stop' && method === 'POST') return stop(decodeURIComponent(jobId), book, life);
  if (jobId !== undefined && method === 'DELETE') return remove(decodeURIComponent(jobId), book);
  if (jobId !== undefined && method === 'GET') return inspect(decodeURIComponent(jobId), book);
  return plain(404, '404: Not Found');
}

function submit(raw: Buffer, book: JobBook, life: JobLife): Reply {
  book.wake();
  const checked = checkSubmission(raw);
  if ('reply' in checked) return checked.reply;
  const body: SubmitBody = checked.body;
  const job = book.create(body);
  if (job === null) return alreadyExists(body.submission_id);
  life.start(job);
  return json({ job_id: body.submission_id, submission_id: body.submission_id });
}

function inspect(id: string, book: JobBook): Reply {
  const job = book.jobs.get(id);
  return job ? json(toDetails(job, book.nodeId)) : noSuchJob(id);
}

function stop(id: string, book: JobBook, life: JobLife): Reply {
  const job = book.jobs.get(id);
  if (!job) return noSuchJob(id);
  book.wake();
  if (isTerminal(job)) return json({ stopped: false });
  if (!job.isGhost) life.stop(job);
  return json({ stopped: true });
}

function remove(id: string, book: JobBook): Reply {
  const job = book.jobs.get(id);
  if (!job) return noSuchJob(id);
  if (!isTerminal(job)) {
    const why = `Attempted to delete job '${id}', but it is in a non-terminal state ${job.status}.`;
    return agentError(500, `RuntimeError: ${why}`);
  }
  book.jobs.delete(id);
  return json({ deleted: true });
}

function answerPackage({ method, body }: Call, name: string, book: JobBook): Reply {
  if (method === 'PUT') book.packages.set(name, body);
  return book.packages.has(name) ? plain(200, '') : plain(404, `Package gcs://${name} does not exist`);
}

function readLog(query: URLSearchParams, book: JobBook): Reply {
  const job = book.jobs.get(query.get('submission_id') ?? '');
  if (!job || query.get('node_id') !== book.nodeId) {
    return plain(500, 'Could not find a log file. Please make sure the given option exists in the cluster.');
  }
  const log = job.readLog();
  const lines = log.split('\n');
  const count = Number(query.get('lines') ?? 1_000) + (log.endsWith('\n') ? 1 : 0);
  return plain(200, lines.slice(-count).join('\n'));
}

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Job, JobBook, type JobStatus, type SubmitBody } from './fake-ray/job-book.ts';
import { ProcessLife } from './fake-ray/processes.ts';
import { answerCall, type Call, type JobLife, type Reply } from './fake-ray/rest.ts';
import { cause, send, type Trouble } from './fake-ray/trouble.ts';

export type { JobStatus } from './fake-ray/job-book.ts';
export type { Trouble } from './fake-ray/trouble.ts';

/** Which of Ray's answers a trouble is for. */
export type CallName =
  | 'submit'
  | 'inspect'
  | 'stop'
  | 'remove'
  | 'version'
  | 'health'
  | 'package'
  | 'upload'
  | 'logs'
  | 'other';

export interface FakeRayOptions {
  /** Runs the jobs as processes; otherwise they stay PENDING until a test says what becomes of them. */
  readonly execute?: boolean;
  /** Asked for as Ray asks with RAY_AUTH_MODE=token. */
  readonly token?: string;
  readonly version?: string;
  /** A proxy's path before Ray's own. */
  readonly prefix?: string;
}

/** One request as it came, whatever was answered. */
export interface LedgerEntry {
  readonly call: CallName;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/**
 * A Ray head for tests: a real HTTP server on loopback that keeps Ray's records in memory, answers as Ray 2.58.0 was
 * measured to answer, and goes wrong where it is told to.
 */
export class FakeRay {
  readonly ledger: LedgerEntry[] = [];
  /** Every submission that made a record, over all restarts. */
  readonly accepted: SubmitBody[] = [];
  readonly #options: FakeRayOptions;
  readonly #book = new JobBook();
  readonly #processes: ProcessLife | null;
  readonly #troubles: { readonly call: CallName; readonly trouble: Trouble; left: number }[] = [];
  #server: Server | null = null;
  #port = 0;
  #elsewhere = '/api/stolen';
  /** How many connections have been made to it. */
  connections = 0;

  constructor(options: FakeRayOptions = {}) {
    this.#options = options;
    this.#processes = options.execute ? new ProcessLife(this.#book) : null;
  }

  /** A fake that listens already. */
  static async start(options: FakeRayOptions = {}): Promise<FakeRay> {
    const ray = new FakeRay(options);
    await ray.up();
    return ray;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}${this.#options.prefix ?? ''}`;
  }

  get session(): string {
    return this.#book.session;
  }

  /** Ids of the jobs it knows. */
  get jobIds(): string[] {
    return [...this.#book.jobs.keys()];
  }

  /** How often a call has come. */
  count(call: CallName): number {
    return this.ledger.filter((entry) => entry.call === call).length;
  }

  /** Lets the next `times` calls of this name go wrong; several troubles of one name happen in the order given. */
  next(call: CallName, trouble: Trouble, times = 1): void {
    this.#troubles.push({ call, trouble, left: times });
  }

  /** Says what has become of a job. */
  setStatus(
    jobId: string,
    status: JobStatus,
    more: { message?: string; errorType?: string; exitCode?: number } = {},
  ): void {
    this.#book.mark(this.#jobOf(jobId), status, more);
  }

  setLog(jobId: string, log: string): void {
    this.#jobOf(jobId).readLog = () => log;
  }

  statusOf(jobId: string): JobStatus {
    return this.#jobOf(jobId).status;
  }

  /** The process of a job that runs, to be frozen or killed by a test. */
  pidOf(jobId: string): number | undefined {
    return this.#processes?.pidOf(this.#jobOf(jobId));
  }

  packageBytes(name: string): Buffer | undefined {
    return this.#book.packages.get(name);
  }

  /** Where the trouble `redirect` sends a caller. */
  redirectTo(url: string): void {
    this.#elsewhere = url;
  }

  /** Loses a package from the store, as Ray does when nobody pins it. */
  collectPackages(): void {
    this.#book.packages.clear();
  }

  /** Refuses connections until `up`; jobs live on. */
  async down(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (!server) return;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }

  /** Listens, on the same port as before. */
  async up(): Promise<void> {
    const server = createServer((request, response) => void this.#serve(request, response));
    server.on('connection', () => {
      this.connections += 1;
    });
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  /** A new head without durable storage: every job and package is forgotten, and the session is another one. */
  restart({ orphans = false } = {}): void {
    this.#processes?.abandon({ killed: !orphans });
    this.#book.forgetAll();
  }

  /** A new head with durable storage: the jobs died, and still say RUNNING until a call reaches the job agent. */
  restartDurable(): void {
    this.#processes?.abandon({ killed: true });
    for (const job of this.#book.jobs.values()) job.isStale = job.status === 'RUNNING';
  }

  async close(): Promise<void> {
    await this.down();
    await this.#processes?.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of request) chunks.push(chunk);
    } catch {
      return; // The caller gave up before it had sent all.
    }
    const call = this.#read(request, Buffer.concat(chunks));
    const name = nameOf(call);
    const body = name === 'upload' ? `${call.body.length} bytes` : call.body.toString('utf8');
    this.ledger.push({ call: name, method: call.method, path: call.path, headers: request.headers, body });
    const trouble = this.#takeTrouble(name);
    const answer = () => this.#guard(request, name) ?? this.#answer(call);
    if (trouble === null) return send(response, answer());
    const makeGhost = () => this.#makeGhost(JSON.parse(body));
    cause[trouble]({ response, answer, requestBody: body, makeGhost, elsewhere: this.#elsewhere });
  }

  #read(request: IncomingMessage, body: Buffer): Call {
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://ray');
    const prefix = this.#options.prefix ?? '';
    const path = pathname.startsWith(prefix) ? pathname.slice(prefix.length) : '/outside-the-prefix';
    return { method: request.method ?? 'GET', path, query: searchParams, body };
  }

  #answer(call: Call): Reply {
    const before = this.#book.jobs.size;
    const version = this.#options.version ?? '2.58.0';
    const reply = answerCall(call, { book: this.#book, life: this.#processes ?? recordsOnly(this.#book), version });
    if (this.#book.jobs.size > before) this.accepted.push(JSON.parse(call.body.toString('utf8')));
    return reply;
  }

  #makeGhost(body: SubmitBody): string {
    this.#book.create(body, true);
    return body.submission_id;
  }

  /** What the dashboard itself refuses, before anything is read: browsers, and callers without its token. */
  #guard({ method = 'GET', headers }: IncomingMessage, call: CallName): Reply | null {
    const looksLikeBrowser =
      headers['user-agent']?.startsWith('Mozilla') === true ||
      Object.keys(headers).some((name) => /^(origin|referer|sec-fetch-|access-control-request-)/.test(name));
    if (method !== 'GET' && looksLikeBrowser) {
      return { status: 405, text: `'${method}' method not allowed for browser traffic.` };
    }
    const { token } = this.#options;
    if (token === undefined || call === 'health') return null;
    const proof = headers.authorization ?? headers['x-ray-authorization'];
    if (proof === undefined) return { status: 401, text: 'Unauthorized: Missing authentication token' };
    return proof === `Bearer ${token}` ? null : { status: 403, text: 'Forbidden: Invalid authentication token' };
  }

  #takeTrouble(call: CallName): Trouble | null {
    const next = this.#troubles.find((trouble) => trouble.call === call && trouble.left > 0);
    if (!next) return null;
    next.left -= 1;
    return next.trouble;
  }

  #jobOf(jobId: string): Job {
    const job = this.#book.jobs.get(jobId);
    if (!job) throw new Error(`The fake Ray has no job ${jobId}.`);
    return job;
  }
}

/** Without processes a stop ends what runs at once, and does nothing to what has not started, as Ray says of both. */
const recordsOnly = (book: JobBook): JobLife => ({
  start: () => undefined,
  stop: (job) => {
    if (job.status === 'RUNNING') book.mark(job, 'STOPPED', { message: 'Job was intentionally stopped.' });
  },
});

function nameOf({ method, path }: Call): CallName {
  if (path === '/api/version') return 'version';
  if (path === '/api/gcs_healthz') return 'health';
  if (path === '/api/v0/logs/file') return 'logs';
  if (path.startsWith('/api/packages/')) return method === 'PUT' ? 'upload' : 'package';
  if (method === 'POST' && path === '/api/jobs/') return 'submit';
  if (!/^\/api\/jobs\/[^/]+(\/stop)?$/.test(path)) return 'other';
  if (method === 'POST') return 'stop';
  return method === 'DELETE' ? 'remove' : 'inspect';
}

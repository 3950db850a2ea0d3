import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** One call of the driver's, as the app heard it. */
export interface Said {
  readonly verb: string;
  readonly text: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects of the body.
  readonly body: any;
  readonly headers: IncomingMessage['headers'];
  readonly at: number;
}

/** What the app answers; `drop` closes the connection without a word. */
export type Reply = { status?: number; headers?: Record<string, string>; json?: unknown; text?: string } | 'drop';

export interface Plan {
  /** The user's files by name, in the folder that the driver runs in; `task.py` is the usual one. */
  readonly files?: Record<string, string>;
  /** Fields of the answer to begin that differ from the usual. */
  readonly begun?: Record<string, unknown>;
  /** The input as JSON text, spliced in as the app does it. */
  readonly input?: string;
  /** Answers in place of the usual ones; undefined means the usual. */
  readonly reply?: (said: Said, count: number) => Reply | undefined;
  readonly env?: Record<string, string>;
  /** Whether the driver is to reach the app by another name, through a proxy. */
  readonly proxied?: boolean;
}

/** A driver at work against an app of its own. Leaving the scope ends both. */
export interface Run extends AsyncDisposable {
  readonly child: ChildProcess;
  readonly folder: string;
  readonly said: Said[];
  readonly of: (verb: string) => Said[];
  readonly log: () => string;
  readonly ended: Promise<{ code: number | null; signal: string | null }>;
  readonly until: (isSo: () => boolean) => Promise<void>;
}

export const capability = 'first-capability-of-the-attempt';
const boundCapability = 'capability-bound-to-the-nonce';
const python = process.env['MOBULA_TEST_PYTHON'] ?? 'python3';
const sources = join(import.meta.dirname, '../../infra/ray');
const cache = join(tmpdir(), 'mobula-test-pycache');

/** Starts `python -m mobula_driver` as Ray does: leader of its own group, in the user's folder. */
export async function drive(plan: Plan): Promise<Run> {
  const said: Said[] = [];
  const app = createServer((request, response) => void hear(plan, said, request, response));
  await new Promise<void>((listening) => app.listen(0, '127.0.0.1', listening));
  const folder = mkdtempSync(join(tmpdir(), 'mobula-driver-'));
  writeFiles(folder, plan.files ?? {});

  const child = spawn(python, ['-m', 'mobula_driver'], { cwd: folder, detached: true, env: environment(plan, app) });
  let log = '';
  child.stderr.on('data', (chunk) => (log += chunk));
  child.stdout.on('data', (chunk) => (log += chunk));
  const ended = new Promise<{ code: number | null; signal: string | null }>((end) =>
    child.on('close', (code, signal) => end({ code, signal })),
  );
  return {
    child,
    folder,
    said,
    ended,
    of: (verb) => said.filter((one) => one.verb === verb),
    log: () => log,
    until: (isSo) =>
      until(isSo, () => `${log}\n${said.map((one) => `${one.verb} ${one.text.slice(0, 200)}`).join('\n')}`),
    async [Symbol.asyncDispose]() {
      endGroup(child);
      await ended;
      app.closeAllConnections();
      app.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Runs a task to its end and returns what the driver told the app of it. */
export async function outcomeOf(plan: Plan) {
  await using run = await drive(plan);
  const { code } = await run.ended;
  const [complete] = run.of('complete');
  if (!complete) throw new Error(`no outcome came\n${run.log()}`);
  return { code, body: complete.body, text: complete.text, log: run.log() };
}

/** Whether the process runs. A zombie does not: in a container there may be nobody to bury it. */
export function isAlive(pid: number): boolean {
  try {
    const [state] = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '');
    return state !== 'Z' && state !== 'X';
  } catch {
    return false;
  }
}

async function hear(plan: Plan, said: Said[], request: IncomingMessage, response: ServerResponse) {
  const verb = request.url!.replace(/^.*\/base\/attempts\/0199\/2\//, '');
  const text = await textOf(request);
  const body = verb === 'object' ? undefined : JSON.parse(text);
  const one: Said = { verb, text, body, headers: request.headers, at: Date.now() };
  said.push(one);
  const count = said.filter((other) => other.verb === verb).length;
  const reply = plan.reply?.(one, count) ?? usualReply(plan, one);
  if (reply === 'drop') {
    request.socket.destroy();
    return;
  }
  response.writeHead(reply.status ?? 200, { 'content-type': 'application/json', ...reply.headers });
  response.end(reply.text ?? JSON.stringify(reply.json ?? {}));
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function usualReply(plan: Plan, { verb, headers }: Said): Reply {
  const proof = verb === 'begin' ? capability : boundCapability;
  if (verb !== 'object' && headers.authorization !== `Bearer ${proof}`) return { status: 401 };
  if (verb === 'begin') return { text: begunText(plan) };
  if (verb === 'beat') return { json: { cancel: false } };
  if (verb === 'complete') return { json: { state: 'SUCCEEDED' } };
  return { status: verb === 'object' ? 200 : 404 };
}

function begunText({ begun, input }: Plan): string {
  const fields = {
    capability: boundCapability,
    id: '0199',
    attempt: 2,
    task: 'a_task',
    callable: 'task:run',
    heartbeat_seconds: 15,
    silence_seconds: 300,
    timeout_seconds: null,
    inline_bytes: 1048576,
    ...begun,
  };
  return `${JSON.stringify(fields).slice(0, -1)},"input":${input ?? '{}'}}`;
}

function environment(plan: Plan, app: ReturnType<typeof createServer>) {
  const origin = `http://127.0.0.1:${(app.address() as AddressInfo).port}`;
  return {
    PATH: process.env['PATH'],
    HOME: process.env['HOME'],
    PYTHONPATH: sources,
    PYTHONPYCACHEPREFIX: cache,
    MOBULA_ATTEMPT_URL: `${plan.proxied ? 'http://app.invalid' : origin}/base/attempts/0199/2`,
    MOBULA_CAPABILITY: capability,
    // Nobody listens on port 9: a loopback address asked of that proxy would be noticed.
    http_proxy: plan.proxied ? origin : 'http://127.0.0.1:9',
    ...plan.env,
  };
}

function writeFiles(folder: string, files: Record<string, string>) {
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
  }
}

async function until(isSo: () => boolean, story: () => string) {
  const from = Date.now();
  while (!isSo()) {
    if (Date.now() - from > 25_000) throw new Error(`waited in vain\n${story()}`);
    await new Promise((wake) => setTimeout(wake, 20));
  }
}

function endGroup(child: ChildProcess) {
  try {
    process.kill(-child.pid!, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}

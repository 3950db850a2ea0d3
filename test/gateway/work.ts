import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** One call of a worker's, as the app heard it. */
export interface Heard {
  /** `begin`, `beat`, `complete` for many; for one attempt `<id>/<verb>`. */
  readonly verb: string;
  // biome-ignore lint/suspicious/noExplicitAny: a test says what it expects of the body.
  readonly body: any;
}

export interface Plan {
  /** The user's module. */
  readonly task: string;
  /** The inputs of as many attempts, in their order. */
  readonly inputs: readonly unknown[];
  /** Fields of the answers to begin that differ from the usual. */
  readonly begun?: Record<string, unknown>;
  /** The answer to a whole call, or to one attempt of it, where it is not the usual one. */
  readonly reply?: (heard: Heard, count: number) => number | undefined;
  readonly tell?: (heard: Heard, id: string) => object | undefined;
}

/** A worker at work against an app of its own. Leaving the scope ends both. */
export interface Run extends AsyncDisposable {
  readonly heard: Heard[];
  readonly of: (verb: string) => Heard[];
  /** What it said of its chunk, as told to whoever handed it out. */
  readonly events: { begun?: string[]; settled?: string[]; returned?: string[] }[];
  readonly ended: Promise<number | null>;
  readonly until: (isSo: () => boolean) => Promise<void>;
}

const python = process.env['MOBULA_TEST_PYTHON'] ?? 'python3';
const sources = join(import.meta.dirname, '../../infra/ray');

/** Takes one chunk, says what becomes of it line by line, and stays until it is ended or ends itself. */
const program = `
import json, os, sys, threading
from mobula_gateway.item import read_item
from mobula_gateway.worker import Worker

def say(event):
    os.write(1, (json.dumps(event) + "\\n").encode())

worker = Worker()
worker.take([read_item(said) for said in json.loads(sys.argv[1])], say)
threading.Event().wait()
`;

/** Starts a worker with a chunk of attempts whose ids are `e0`, `e1`, … */
export async function work(plan: Plan): Promise<Run> {
  const heard: Heard[] = [];
  const app = createServer((request, response) => void hear(plan, heard, request, response));
  await new Promise<void>((listening) => app.listen(0, '127.0.0.1', listening));
  const origin = `http://127.0.0.1:${(app.address() as AddressInfo).port}`;
  const folder = mkdtempSync(join(tmpdir(), 'mobula-worker-'));
  writeFileSync(join(folder, 'task.py'), plan.task);
  const items = plan.inputs.map((_, n) => ({
    job: `j${n}`,
    id: `e${n}`,
    attempt: 1,
    url: `${origin}/attempts/e${n}/1`,
    capability: `begin-e${n}`,
    callable: 'task:run',
  }));
  const env = { PATH: process.env['PATH'], PYTHONPATH: [sources, folder].join(':'), PYTHONDONTWRITEBYTECODE: '1' };
  const child = spawn(python, ['-c', program, JSON.stringify(items)], { cwd: folder, detached: true, env });
  let [out, log] = ['', ''];
  const events: Run['events'] = [];
  child.stdout.on('data', (chunk) => {
    const lines = (out + chunk).split('\n');
    out = lines.pop() ?? '';
    events.push(...lines.map((line) => JSON.parse(line) ?? {}));
  });
  child.stderr.on('data', (chunk) => (log += chunk));
  const ended = new Promise<number | null>((end) => child.on('close', (code) => end(code)));
  return {
    heard,
    of: (verb) => heard.filter((one) => one.verb === verb),
    events,
    ended,
    until: (isSo) => until(isSo, () => `${log}\n${JSON.stringify(heard).slice(0, 3_000)}`),
    async [Symbol.asyncDispose]() {
      endGroup(child);
      await ended;
      app.closeAllConnections();
      app.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function hear(plan: Plan, all: Heard[], request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const verb = (request.url ?? '').replace('/attempts/', '').replace('/1/', '/');
  const heard: Heard = { verb, body: JSON.parse(Buffer.concat(chunks).toString()) };
  all.push(heard);
  const status = plan.reply?.(heard, all.filter((one) => one.verb === verb).length) ?? 200;
  if (status === 0) return void request.socket.destroy();
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(status === 200 ? usual(plan, heard) : {}));
}

function usual(plan: Plan, heard: Heard): object {
  if (heard.verb.endsWith('/upload')) return { upload: null, reason: 'no store here' };
  if (heard.verb.includes('/')) return { state: 'SUCCEEDED' };
  return {
    attempts: heard.body.attempts.map(({ id }: { id: string }) => plan.tell?.(heard, id) ?? told(plan, heard, id)),
  };
}

function told(plan: Plan, { verb }: Heard, id: string): object {
  if (verb === 'beat') return { status: 200, cancel: false };
  if (verb === 'complete') return { status: 200, state: 'SUCCEEDED' };
  return {
    status: 200,
    capability: `bound-${id}`,
    id,
    attempt: 1,
    callable: 'task:run',
    input: plan.inputs[Number(id.slice(1))],
    heartbeat_seconds: 15,
    silence_seconds: 300,
    timeout_seconds: null,
    inline_bytes: 1_048_576,
    ...plan.begun,
  };
}

async function until(isSo: () => boolean, story: () => string): Promise<void> {
  const from = Date.now();
  while (!isSo()) {
    if (Date.now() - from > 15_000) throw new Error(`waited in vain\n${story()}`);
    await new Promise((wake) => setTimeout(wake, 20));
  }
}

function endGroup(child: ChildProcess): void {
  try {
    process.kill(-(child.pid ?? 0), 'SIGKILL');
  } catch {
    // It has ended already.
  }
}

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { AttemptStart } from '../../src/core/runner.ts';
import { probeAttempt } from '../runners/probe.ts';

/** An app for tests of the gateway alone: its attempts sleep, and are over as soon as somebody has asked to stop one. */
export interface SleepyApp {
  attempt(seconds: number): AttemptStart;
  close(): void;
}

/** Starts one; a worker that beats for an attempt of a minute is told that it is over. */
export async function startSleepyApp(): Promise<SleepyApp> {
  const seconds = new Map<string, number>();
  const app = createServer((request, response) => void answer(seconds, request, response));
  await new Promise<void>((listening) => app.listen(0, '127.0.0.1', listening));
  const origin = `http://127.0.0.1:${(app.address() as AddressInfo).port}`;
  return {
    attempt(length) {
      const attempt = probeAttempt();
      seconds.set(attempt.executionId, length);
      const attemptUrl = `${origin}/attempts/${attempt.executionId}/1`;
      return { ...attempt, attemptUrl, ray: { callable: 'time:sleep' } };
    },
    close() {
      app.closeAllConnections();
      app.close();
    },
  };
}

async function answer(
  seconds: ReadonlyMap<string, number>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  const { attempts } = JSON.parse(Buffer.concat(chunks).toString());
  const verb = request.url?.split('/').at(-1);
  const told = attempts.map(({ id }: { id: string }) => {
    if (verb === 'begin') return begun(id, seconds.get(id) ?? 0);
    return verb === 'beat' ? { status: 409 } : { status: 200, state: 'SUCCEEDED' };
  });
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ attempts: told }));
}

const begun = (id: string, seconds: number) => ({
  status: 200,
  capability: `of-${id}`,
  id,
  attempt: 1,
  callable: 'time:sleep',
  input: [seconds],
  heartbeat_seconds: 60,
  silence_seconds: 300,
  timeout_seconds: null,
  inline_bytes: 1_048_576,
});

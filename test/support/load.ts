import { setTimeout as sleep } from 'node:timers/promises';
import type { Server, ServerAnswer } from './server.ts';

/** What callers have heard while they called. */
export interface Heard {
  /** Ids whose enqueue was acknowledged. */
  readonly acknowledged: readonly string[];
  /** How calls were refused: `503 database_unavailable`, or `unreachable` where no answer came. */
  readonly refusals: readonly string[];
}

export interface Load {
  /** Lets every call that is under way end. */
  stop(): Promise<Heard>;
}

/**
 * Callers that enqueue, each under a key of its own and again until it is acknowledged, and crons that run what is due: on
 * any of the servers, in turn. One execution in ten fails at first.
 */
export function startLoad(servers: readonly Server[], { callers, crons }: { callers: number; crons: number }): Load {
  const acknowledged: string[] = [];
  const refusals: string[] = [];
  const stopped = new AbortController();
  let turn = 0;

  async function ask(path: string, body: object, headers?: Record<string, string>): Promise<ServerAnswer | null> {
    const server = servers[turn++ % servers.length] as Server;
    const answer = await server.call('POST', path, body, headers).catch(() => null);
    if (!answer) refusals.push('unreachable');
    else if (answer.status >= 400) refusals.push(`${answer.status} ${answer.json?.code}`);
    return answer;
  }

  async function enqueue(n: number): Promise<void> {
    const key = { 'idempotency-key': crypto.randomUUID() };
    const wish = { task: 'inline', input: { ms: 5, failures: n % 10 === 0 ? 1 : 0 } };
    while (!stopped.signal.aborted) {
      const answer = await ask('/tasks', wish, key);
      if (answer && answer.status < 300) return void acknowledged.push(answer.json.task.id);
      await sleep(50);
    }
  }

  const repeat = async (work: (n: number) => Promise<unknown>, pauseMs: number) => {
    for (let n = 0; !stopped.signal.aborted; n += 1) {
      await work(n);
      await sleep(pauseMs);
    }
  };

  const running = [
    ...Array.from({ length: callers }, () => repeat(enqueue, 10)),
    ...Array.from({ length: crons }, () => repeat(() => ask('/run', {}), 50)),
  ];
  return {
    async stop() {
      stopped.abort();
      await Promise.all(running);
      return { acknowledged, refusals };
    },
  };
}

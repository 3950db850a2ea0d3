import { openConnection } from './connection.ts';

// A process that does nothing but call an HTTP server, as its parent says.

/** What to send, and how: each connection as fast as it is answered, or by the clock. */
export interface Load {
  readonly port: number;
  /** Whole requests as they go over the wire, sent in turn. */
  readonly requests: readonly string[];
  /** The status of a good answer; another one ends the measurement. */
  readonly status: number;
  readonly connections: number;
  readonly seconds: number;
  /** Calls a second that arrive whether or not those before them are answered; null where each connection waits for its own. */
  readonly rate: number | null;
}

/** Rate in calls a second, times in milliseconds; by the clock a time begins when its call was due, sent or not. */
export interface Loaded {
  readonly rate: number;
  readonly p50: number;
  readonly p99: number;
}

process.on('message', (load: Load) => void answer(load));
process.on('disconnect', () => process.exit());

async function answer(load: Load): Promise<void> {
  const times: number[] = [];
  const from = performance.now();
  await (load.rate === null ? inTurn(load, times) : byTheClock(load, load.rate, times));
  const seconds = (performance.now() - from) / 1_000;
  times.sort((one, other) => one - other);
  const at = (share: number) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? Number.NaN;
  process.send?.({ rate: times.length / seconds, p50: at(0.5), p99: at(0.99) } satisfies Loaded);
}

/** Answers the next request to be sent. */
function turns({ requests }: Load): () => string {
  let turn = 0;
  return () => requests[turn++ % requests.length] ?? '';
}

function expectStatus({ status }: Load, got: number): void {
  if (got !== status) throw new Error(`The server answered ${got} instead of ${status}.`);
}

/** A closed model: as many calls are under way as there are connections. */
async function inTurn(load: Load, times: number[]): Promise<void> {
  const next = turns(load);
  const until = performance.now() + load.seconds * 1_000;
  const work = () =>
    new Promise<void>((resolve) => {
      const connection = openConnection(load.port);
      const go = () => {
        const sentAt = performance.now();
        if (sentAt < until)
          return connection.send(next(), (got) => {
            expectStatus(load, got);
            times.push(performance.now() - sentAt);
            go();
          });
        connection.close();
        resolve();
      };
      go();
    });
  await Promise.all(Array.from({ length: load.connections }, work));
}

/** An open model: a call that finds every connection busy waits for one, and its wait is part of its time. */
function byTheClock(load: Load, rate: number, times: number[]): Promise<void> {
  const next = turns(load);
  const idle = Array.from({ length: load.connections }, () => openConnection(load.port));
  const connections = [...idle];
  const count = Math.round(rate * load.seconds);
  const startedAt = performance.now();
  const dueAt = (n: number) => startedAt + (n * 1_000) / rate;
  let sent = 0;
  return new Promise((resolve) => {
    const pump = () => {
      const now = performance.now();
      while (sent < count && dueAt(sent) <= now && idle.length > 0) {
        const connection = idle.pop();
        const due = dueAt(sent);
        sent += 1;
        connection?.send(next(), (got) => {
          expectStatus(load, got);
          times.push(performance.now() - due);
          idle.push(connection);
          if (times.length === count) return end();
          pump();
        });
      }
    };
    const clock = setInterval(pump, 1);
    const end = () => {
      clearInterval(clock);
      for (const connection of connections) connection.close();
      resolve();
    };
  });
}

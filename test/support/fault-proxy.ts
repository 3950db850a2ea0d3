import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/**
 * What becomes of the next request that contains a text. `drop_request`: it never arrives. `swallow_reply`: it arrives and
 * is done, and its answer does not come back. A number: the answer is cut off after so many bytes.
 */
export type Fault = 'drop_request' | 'swallow_reply' | number;

/** A network that can go wrong, between anything that speaks TCP: the app and Postgres, a driver and the app. */
export interface FaultProxy {
  readonly port: number;
  /** Where new connections lead. */
  leadTo(port: number): void;
  /** Resets every connection, once. */
  reset(): void;
  /** Resets every connection, and each new one, until `heal`. */
  cut(): void;
  /** Takes connections and bytes and lets nothing through, until `heal`: then all of it arrives, as after a partition. */
  blackHole(): void;
  /** Holds each piece of an answer back for so long, until `heal`. */
  delay(ms: number): void;
  heal(): void;
  /** Lets one request go wrong; answers when it has. Requests are compared piece by piece, so the text should come early. */
  next(text: string, fault: Fault): Promise<void>;
  close(): Promise<void>;
}

interface Ambush {
  readonly text: string;
  readonly fault: Fault;
  readonly sprung: () => void;
}

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
}

type Weather = 'fair' | 'cut' | 'hole';

/** Starts a proxy on a free port of 127.0.0.1 that leads to another one. */
export async function startFaultProxy(target: number): Promise<FaultProxy> {
  const pairs = new Set<Pair>();
  const ambushes: Ambush[] = [];
  const said = listener();
  let to = target;
  let weather: Weather = 'fair';
  let delayMs = 0;

  const resetAll = () => {
    for (const { client, server } of pairs) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
    pairs.clear();
  };

  function join(client: Socket): void {
    client.on('error', () => undefined);
    if (weather === 'cut') return void client.resetAndDestroy();
    const server = connect({ host: '127.0.0.1', port: to, allowHalfOpen: true, noDelay: true });
    const pair = { client, server };
    pairs.add(pair);
    let fault: Fault | null = null;
    client.on('data', (piece) => {
      fault ??= takeAmbush(ambushes, said(piece));
      if (fault !== 'drop_request') return void server.write(piece);
      leave(pair);
    });
    server.on('data', (piece) => {
      if (fault === null)
        return delayMs > 0 ? void setTimeout(() => client.write(piece), delayMs) : client.write(piece);
      if (typeof fault !== 'number') return leave(pair);
      client.end(piece.subarray(0, fault));
    });
    client.on('end', () => server.end());
    server.on('end', () => client.end());
    client.on('close', () => {
      server.destroy();
      pairs.delete(pair);
    });
    server.on('error', () => client.resetAndDestroy());
    server.on('close', () => client.destroy());
    if (weather === 'hole') pause(pair);
  }

  /** The caller learns of a broken connection; the other side of a connection that was given up. */
  function leave({ client, server }: Pair): void {
    client.resetAndDestroy();
    server.end();
  }

  const server = createServer({ allowHalfOpen: true, noDelay: true }, join).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    leadTo(port) {
      to = port;
    },
    reset: resetAll,
    cut() {
      weather = 'cut';
      resetAll();
    },
    blackHole() {
      weather = 'hole';
      pairs.forEach(pause);
    },
    delay(ms) {
      delayMs = ms;
    },
    heal() {
      weather = 'fair';
      delayMs = 0;
      for (const { client, server } of pairs) {
        client.resume();
        server.resume();
      }
    },
    next: (text, fault) => new Promise((sprung) => ambushes.push({ text, fault, sprung })),
    async close() {
      server.close();
      resetAll();
      await once(server, 'close');
    },
  };
}

function pause({ client, server }: Pair): void {
  client.pause();
  server.pause();
}

/** What a request says: with the name of a statement that Postgres was told before, that statement's text. */
function listener(): (piece: Buffer) => string {
  const texts = new Map<string, string>();
  return (piece) => {
    const spoken = piece.toString('latin1');
    for (const [, name = '', text = ''] of spoken.matchAll(/(mobula_[0-9a-f]{40})\0([^\0]+)\0/g)) texts.set(name, text);
    const named = spoken.match(/mobula_[0-9a-f]{40}/g) ?? [];
    return [spoken, ...named.map((name) => texts.get(name) ?? '')].join('\n');
  };
}

function takeAmbush(ambushes: Ambush[], said: string): Fault | null {
  const index = ambushes.findIndex(({ text }) => said.includes(text));
  const [ambush] = index < 0 ? [] : ambushes.splice(index, 1);
  ambush?.sprung();
  return ambush?.fault ?? null;
}

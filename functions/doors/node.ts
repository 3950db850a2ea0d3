import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { createApp } from '../app.ts';
import type { Deployed } from '../deployed.ts';

export interface NodeDoor {
  /** Where it listens, with the port it got. */
  readonly url: string;
  /** Takes no more calls and resolves when the last one has been answered, and what went on after it has ended. */
  close(): Promise<void>;
}

export interface NodeDoorOptions {
  readonly host: string;
  readonly port: number;
  /**
   * The process is the server's alone, so that it may have lighter `Request` and `Response` in the place of Node's: an
   * answer need not be read back through a stream.
   */
  readonly isAlone?: boolean;
}

/** Serves a deployment over HTTP in this process; rejects where the address cannot be had. */
export async function openNodeDoor(
  deployed: Deployed,
  { host, port, isAlone = false }: NodeDoorOptions,
): Promise<NodeDoor> {
  const after = new Set<Promise<unknown>>();
  const app = createApp({ ...deployed, afterAnswer: (work) => keep(work, after) });
  const server = serve({ fetch: app.fetch, hostname: host, port, overrideGlobalObjects: isAlone }) as Server;
  await new Promise<void>((resolve, reject) => {
    server.once('listening', resolve);
    server.once('error', reject);
  });
  const { port: given } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${given}`,
    close: async () => {
      await close(server);
      await Promise.allSettled(after);
    },
  };
}

function keep(work: Promise<unknown>, among: Set<Promise<unknown>>): void {
  among.add(work);
  const forget = () => among.delete(work);
  work.then(forget, forget);
}

/** Platforms kill after ten seconds; what has not been answered by then never will be. */
const patienceMs = 9_000;

/** Waits for answers that are under way, but not for connections that are only kept alive. */
function close(server: Server): Promise<void> {
  const sweep = setInterval(() => server.closeIdleConnections(), 50);
  const last = setTimeout(() => server.closeAllConnections(), patienceMs);
  return new Promise((resolve) => {
    server.close(() => {
      clearInterval(sweep);
      clearTimeout(last);
      resolve();
    });
  });
}

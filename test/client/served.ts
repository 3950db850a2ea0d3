import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { afterEach } from 'vitest';
import { type Client, type ClientOptions, createClient } from '../../src/client/client.ts';
import type { EngineOptions } from '../support/engine.ts';
import { bearerTokens, type TestEngine } from '../support/engine.ts';
import { type Fresh, useFresh } from '../support/fresh.ts';
import * as tasks from './tasks.ts';

const deployed = [tasks.add, tasks.greet, tasks.fail, tasks.climb, tasks.fill, tasks.train];

/** A deployment over real HTTP, and clients of it. */
export interface Served {
  readonly url: string;
  readonly app: TestEngine;
  /** With an admin's token, unless said. */
  client(options?: Partial<ClientOptions>): Client<typeof tasks>;
  /** One call of `/run`, as a cron makes it. */
  run(): Promise<unknown>;
}

export interface ServedFresh {
  readonly fresh: Fresh;
  start(options?: Partial<EngineOptions>): Promise<Served>;
}

/** Gives a test file a database and servers over it, each of which ends with its test. */
export function useServed(): ServedFresh {
  const servers: Server[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) {
      server.close();
      server.closeAllConnections();
    }
  });
  const fresh = useFresh(deployed);
  return {
    fresh,
    async start(options = {}) {
      const app = fresh.make(options);
      const server = serve({ fetch: app.app.fetch, hostname: '127.0.0.1', port: 0 }) as Server;
      servers.push(server);
      await once(server, 'listening');
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      return {
        url,
        app,
        client: (how) => createClient<typeof tasks>({ baseUrl: url, token: bearerTokens.admin, ...how }),
        run: () => app.call('POST', '/run', {}),
      };
    },
  };
}

/** What stands between a client and the network: it keeps a ledger, and may put answers of its own in the way. */
export function meddler(meddle: (call: number, send: () => Promise<Response>) => Promise<Response> | Response) {
  const ledger: Request[] = [];
  const meddling: typeof fetch = async (input, init) => {
    const request = new Request(input, init);
    ledger.push(request.clone());
    return meddle(ledger.length, () => fetch(request));
  };
  return { ledger, fetch: meddling };
}

/** A problem answer, as something between here and there might give it. */
export const problem = (status: number, code: string, headers: Record<string, string> = {}): Response =>
  Response.json(
    { status, code, detail: `It is ${code}.` },
    { status, headers: { 'content-type': 'application/problem+json', ...headers } },
  );

import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { google } from 'mobula/google';
import { deployment } from './deployment.ts';
import { type OpenDoor, settings, toAnswer, toInit, triggerBy } from './door.ts';

/** What the Functions Framework does before a function sees a request: the body is read whole, and parsed or refused. */
async function read(request: IncomingMessage & { rawBody?: Buffer; body?: unknown }): Promise<boolean> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  if (chunks.length === 0) return true;
  request.rawBody = Buffer.concat(chunks);
  try {
    request.body = request.headers['content-type'] === 'application/json' ? JSON.parse(`${request.rawBody}`) : {};
    return true;
  } catch {
    return false;
  }
}

/** A Google Cloud Function, which Cloud Scheduler calls over HTTP. */
export async function openGoogle(databaseUrl: string): Promise<OpenDoor> {
  const handler = google(deployment, { env: { ...settings, DATABASE_URL: databaseUrl } });
  const server = createServer(async (request, response) => {
    if (await read(request)) await handler(request, response);
    else response.writeHead(400).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const call: OpenDoor['call'] = async (asked) => toAnswer(await fetch(url + asked.path, toInit(asked)));
  return {
    call,
    cron: () => triggerBy(call),
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

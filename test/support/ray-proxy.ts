import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A submission as it went by. */
export interface SeenSubmission {
  readonly body: string;
}

export interface RayProxy {
  readonly url: string;
  readonly submissions: readonly SeenSubmission[];
  /** Called once Ray has taken a submission and before its answer goes back; an answer `false` swallows it. */
  onTaken(act: () => Promise<boolean> | boolean): void;
  close(): Promise<void>;
}

/** Stands between the app and a real Ray: sees submissions, and can strike between Ray's yes and the app's record of it. */
export async function startRayProxy(target: string): Promise<RayProxy> {
  const submissions: SeenSubmission[] = [];
  let act: () => Promise<boolean> | boolean = () => true;

  async function forward(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const body = Buffer.concat(await incoming.toArray());
    const isSubmission = incoming.method === 'POST' && incoming.url === '/api/jobs/';
    const { status, type, answer } = await send(new URL(incoming.url ?? '/', target), incoming, body);
    if (isSubmission && status === 200) {
      submissions.push({ body: body.toString() });
      if (!(await act())) return void outgoing.destroy();
    }
    outgoing.writeHead(status, { 'content-type': type });
    outgoing.end(answer);
  }

  const server = createServer((incoming, outgoing) => {
    forward(incoming, outgoing).catch(() => outgoing.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    submissions,
    onTaken(next) {
      act = next;
    },
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function send(
  url: URL,
  { method, headers: { host: _, connection: __, ...headers } }: IncomingMessage,
  body: Buffer,
): Promise<{ status: number; type: string; answer: Buffer }> {
  return new Promise((resolve, reject) => {
    const outgoing = request(url, { method, headers, agent: false }, async (response) => {
      const answer = Buffer.concat(await response.toArray());
      resolve({ status: response.statusCode ?? 502, type: response.headers['content-type'] ?? 'text/plain', answer });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

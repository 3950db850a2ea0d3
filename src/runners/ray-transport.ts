import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import { limits } from '../core/limits.ts';

export interface RayRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array<ArrayBuffer> | null;
  readonly signal: AbortSignal;
}

/** Carries one call to Ray, following no redirect. Rejects where there is no answer; any status is an answer. */
export type RayTransport = (url: string, request: RayRequest) => Promise<Response>;

/** We close an idle socket long before Ray's server does (75 s), so that a call rarely meets a closed one. */
const idleMs = 30_000;

/**
 * The transport that Ray accepts from where we run. Ray takes a request with any `sec-fetch-*` header for a browser's
 * and answers 405. Node's own `fetch` always sends one, so Node speaks to Ray by `node:http`; workerd's sends none.
 */
export function rayTransport(send?: typeof fetch): RayTransport {
  return globalThis.navigator?.userAgent === 'Cloudflare-Workers' ? workerTransport(send) : nodeTransport();
}

const workerTransport =
  (send: typeof fetch = (...call) => fetch(...call)): RayTransport =>
  (url, { method, headers, body, signal }) =>
    send(url, { method, headers: new Headers(headers), body, signal, redirect: 'manual' });

/** Keeps its sockets between calls, and opens no more of them than Ray should see at once. */
function nodeTransport(): RayTransport {
  let opened: ReturnType<typeof openNode> | undefined;
  return async (url, request) => {
    opened ??= openNode();
    const { send, agent } = (await opened)[new URL(url).protocol === 'https:' ? 'https' : 'http'];
    const call = () => exchange((options, done) => send(url, { ...options, agent }, done), request);
    try {
      return toResponse(await call());
    } catch (error) {
      // A kept socket that Ray has closed meanwhile says nothing about Ray; only a GET is surely safe to send again.
      if (error instanceof StaleSocket && request.method === 'GET') return toResponse(await call());
      throw error;
    }
  };
}

/** Imported at the first call, so that this file also loads where there is no `node:http`. */
async function openNode() {
  const [http, https] = await Promise.all([import('node:http'), import('node:https')]);
  const pool = { keepAlive: true, maxSockets: limits.rayCallsAtOnce, timeout: idleMs, scheduling: 'lifo' } as const;
  return {
    http: { send: http.request, agent: new http.Agent(pool) },
    https: { send: https.request, agent: new https.Agent(pool) },
  };
}

class StaleSocket extends Error {}

type Send = (options: RequestOptions, done: (message: IncomingMessage) => void) => ClientRequest;

function exchange(send: Send, { method, headers, body, signal }: RayRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const length = body === null ? {} : { 'content-length': String(Buffer.byteLength(body)) };
    const request = send({ method, headers: { ...headers, ...length }, signal }, resolve);
    request.on('error', (error: NodeJS.ErrnoException) => {
      const stale = request.reusedSocket && error.code === 'ECONNRESET';
      reject(stale ? new StaleSocket('the kept connection was closed', { cause: error }) : error);
    });
    // An upgrade nobody asked for ends a request without an error.
    request.on('close', () => reject(new Error('the connection was closed without an answer')));
    request.end(body ?? undefined);
  });
}

/** Statuses with which a `Response` refuses to have a body. */
const bodiless = [204, 205, 304];

function toResponse(message: IncomingMessage): Response {
  const status = message.statusCode ?? 0;
  if (!bodiless.includes(status)) return new Response(ReadableStream.from(message), { status });
  message.resume();
  return new Response(null, { status });
}

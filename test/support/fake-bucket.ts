import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Answer, answerIn, type Trouble } from './fake-bucket/trouble.ts';

/** An object as it is kept; `about` is what the store was told of it. */
export interface KeptObject {
  bytes: Buffer;
  readonly about: Readonly<Record<string, string>>;
}

/** What a call wants, before its body was read. */
export interface Ask {
  readonly method: string;
  readonly url: URL;
  /** As it was sent, still encoded: what a signature covers. */
  readonly rawPath: string;
  readonly rawQuery: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * The part of an object store's fake that knows no protocol: a server on 127.0.0.1 with one bucket in memory, a ledger of
 * all calls, and troubles that tests order.
 */
export abstract class FakeBucket {
  readonly bucket = 'results';
  readonly objects = new Map<string, KeptObject>();
  readonly ledger: Ask[] = [];
  /** While it is set no upload is read, as by a store that has stalled. */
  isDeaf = false;
  /** While it is set an upload is refused, and its connection broken, before it was read: as by a store that has it. */
  isHasty = false;
  /** Bytes of answers that were taken from us. */
  sentBytes = 0;
  private readonly server: Server;
  private troubles: { readonly method: string; readonly trouble: Trouble; times: number }[] = [];

  constructor() {
    this.server = createServer((request, response) => {
      this.serve(request, response).catch(() => response.destroy());
    });
    this.server.keepAliveTimeout = 60_000; // Node's five seconds are shorter than one round of a slow bench.
  }

  /** Answers one call in the store's own way. */
  protected abstract answer(ask: Ask, body: Buffer): Promise<Answer> | Answer;
  /** How the store says no. */
  protected abstract refuse(status: number, word: string, message?: string): Answer;

  async start(): Promise<this> {
    this.server.listen(0, '127.0.0.1');
    await once(this.server, 'listening');
    return this;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** Orders trouble for the next calls by a method, or by any (`*`). */
  cause(trouble: Trouble, { method = '*', times = 1 }: { method?: string; times?: number } = {}): void {
    this.troubles.push({ method, trouble, times });
  }

  /** Back to a healthy and empty store. */
  reset(): void {
    this.troubles = [];
    this.objects.clear();
    this.ledger.length = 0;
    this.isDeaf = false;
    this.isHasty = false;
    this.sentBytes = 0;
  }

  /** The one object there is. */
  get only(): KeptObject {
    const [object, ...others] = this.objects.values();
    if (!object || others.length > 0) throw new RangeError(`There are ${this.objects.size} objects.`);
    return object;
  }

  async close(): Promise<void> {
    this.server.close();
    this.server.closeAllConnections();
    await once(this.server, 'close');
  }

  private async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const ask = toAsk(request, this.url);
    this.ledger.push(ask);
    if (this.isDeaf && ['PUT', 'POST'].includes(ask.method)) return;
    if (this.isHasty && ['PUT', 'POST'].includes(ask.method)) {
      request.socket.end('HTTP/1.1 412 Precondition Failed\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
      return;
    }
    const body = await readBody(request);
    if (body === null) return; // Cut off: a store keeps nothing of half an upload.
    const trouble = this.nextTrouble(ask.method);
    const answer = () => this.answer(ask, body);
    const refuse = (status: number, word: string) => this.refuse(status, word);
    const onSent = (bytes: number) => {
      this.sentBytes += bytes;
    };
    await answerIn(trouble, { response, onSent, answer, refuse });
  }

  private nextTrouble(method: string): Trouble | null {
    const next = this.troubles.find((order) => order.times > 0 && ['*', method].includes(order.method));
    if (next) next.times -= 1;
    return next?.trouble ?? null;
  }
}

function toAsk(request: IncomingMessage, base: string): Ask {
  const [rawPath = '', rawQuery = ''] = (request.url ?? '').split('?');
  const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
  return { method: request.method ?? '', url: new URL(request.url ?? '', base), rawPath, rawQuery, headers };
}

/** Null where the connection broke before the end. */
async function readBody(request: IncomingMessage): Promise<Buffer | null> {
  const pieces: Buffer[] = [];
  try {
    for await (const piece of request) pieces.push(piece as Buffer);
    return Buffer.concat(pieces);
  } catch {
    return null;
  }
}

import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gatewayKey } from '../../src/runners/gateway-signature.ts';
import { testSecret } from './engine.ts';

/** An attempt as the gateway was given it. */
export interface GivenAttempt {
  readonly job: string;
  readonly id: string;
  readonly attempt: number;
  readonly url: string;
  readonly capability: string;
  readonly callable: string;
  readonly runtime_env?: { readonly env_vars?: Readonly<Record<string, string>> };
}

/**
 * A gateway for tests: a real HTTP server on loopback that holds attempts in memory and answers as ours does, runs none, and
 * goes wrong where it is told to.
 */
export class FakeGateway {
  /** Every attempt that it took, over all restarts, in the order they came. */
  readonly taken: GivenAttempt[] = [];
  readonly cancelled: string[] = [];
  /** How many calls came. */
  calls = 0;
  /** How many attempts it holds at most. */
  room = Number.POSITIVE_INFINITY;
  readonly #held = new Map<string, { readonly given: GivenAttempt; status: 'pending' | 'running' | 'failed' }>();
  readonly #secret: string;
  #server: Server | null = null;
  #port = 0;
  session = 'gateway_1';

  private constructor(secret: string) {
    this.#secret = secret;
  }

  static async start(secret = testSecret): Promise<FakeGateway> {
    const gateway = new FakeGateway(secret);
    await gateway.up();
    return gateway;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}/mobula`;
  }

  /** Says what has become of an attempt; null: it is over and forgotten. */
  mark(job: string, status: 'pending' | 'running' | 'failed' | null): void {
    const held = this.#held.get(job);
    if (!held) throw new Error(`The gateway does not hold ${job}.`);
    if (status === null) this.#held.delete(job);
    else held.status = status;
  }

  /** Another process: it holds nothing of what the one before held. */
  restart(): void {
    this.#held.clear();
    this.session = `${this.session}1`;
  }

  async up(): Promise<void> {
    const server = createServer((request, response) => void this.#serve(request, response));
    await new Promise<void>((resolve) => server.listen(this.#port, '127.0.0.1', resolve));
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  async down(): Promise<void> {
    this.#server?.closeAllConnections();
    await new Promise((resolve) => this.#server?.close(resolve) ?? resolve(undefined));
    this.#server = null;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = Buffer.concat(chunks).toString('utf8');
    this.calls += 1;
    const path = (request.url ?? '').replace('/mobula', '');
    const signature = String(request.headers['x-mobula-signature']);
    if (!(await this.#isSigned(signature, path, body))) return send(response, 401, { error: 'no' });
    const said = JSON.parse(body);
    const self = { session: this.session, ray_version: '2.58.0' };
    if (path === '/attempts')
      send(response, 200, { ...self, attempts: said.attempts.map((one: GivenAttempt) => this.#take(one)) });
    if (path === '/sights')
      send(response, 200, {
        ...self,
        jobs: said.jobs.map((job: string) => ({ status: this.#held.get(job)?.status ?? 'gone' })),
      });
    if (path === '/cancel') {
      this.cancelled.push(...said.jobs);
      for (const job of said.jobs) this.#held.delete(job);
      send(response, 200, self);
    }
  }

  #take(given: GivenAttempt): object {
    const held = this.#held.get(given.job);
    if (held && held.given.url !== given.url) return { status: 'refused', message: 'It has another of this id.' };
    if (!held && this.#held.size >= this.room) return { status: 'full' };
    if (!held) {
      this.#held.set(given.job, { given, status: 'pending' });
      this.taken.push(given);
    }
    return { status: 'accepted' };
  }

  async #isSigned(header: string, path: string, body: string): Promise<boolean> {
    const [version, second = '', signature = ''] = header.split(',');
    const expected = createHmac('sha256', await gatewayKey(this.#secret))
      .update(`${second}.${path}.${body}`)
      .digest('hex');
    const isRecent = Math.abs(Date.now() / 1_000 - Number(second)) < 300;
    return (
      version === 'v1' &&
      isRecent &&
      signature.length === expected.length &&
      timingSafeEqual(Buffer.from(signature), Buffer.from(expected))
    );
  }
}

function send(response: ServerResponse, status: number, value: object): void {
  response.writeHead(status, { 'content-type': 'application/json' });
  response.end(JSON.stringify(value));
}

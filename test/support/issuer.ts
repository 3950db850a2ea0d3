import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type CryptoKey, exportJWK, exportSPKI, generateKeyPair, SignJWT } from 'jose';

interface Signing {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: CryptoKey;
}

/** An OIDC issuer of one's own: keys at an address, and tokens signed by them. */
export class Issuer {
  /** How often its keys were asked for. */
  asked = 0;
  /** What it answers instead of its keys. */
  trouble: { readonly status: number; readonly body?: string; readonly headers?: Record<string, string> } | null = null;
  private readonly published: Signing[] = [];
  private server: Server | null = null;
  private port = 0;

  static async start(): Promise<Issuer> {
    const issuer = new Issuer();
    await issuer.rotate('first');
    await issuer.open();
    return issuer;
  }

  get keysUrl(): string {
    return `http://127.0.0.1:${this.port}/keys`;
  }

  /** Listens again where it listened before. */
  async open(): Promise<void> {
    this.server = createServer(async (_, response) => {
      const { status = 200, headers = {} } = this.trouble ?? {};
      const body = await this.answer();
      response.writeHead(status, headers).end(body);
    });
    this.server.listen(this.port, '127.0.0.1');
    await once(this.server, 'listening');
    this.port = (this.server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.server?.close();
    this.server?.closeAllConnections();
    if (this.server?.listening) await once(this.server, 'close');
  }

  /** Signs with a new key from now on, and publishes it beside the others. */
  async rotate(kid: string): Promise<void> {
    this.published.push({ kid, ...(await generateKeyPair('RS256', { extractable: true })) });
  }

  /** A token of these claims as Google makes one; what `header` says goes over that. */
  sign(claims: Record<string, unknown>, header: Record<string, unknown> = {}): Promise<string> {
    const { kid, privateKey } = this.published.at(-1) as Signing;
    return signWith(privateKey, claims, { kid, ...header });
  }

  /** The public key as text, which every verifier knows. */
  publicText = (): Promise<string> => exportSPKI((this.published.at(-1) as Signing).publicKey);

  private async answer(): Promise<string> {
    this.asked += 1;
    if (this.trouble) return this.trouble.body ?? '';
    const keys = this.published.map(async ({ kid, publicKey }) => ({
      ...(await exportJWK(publicKey)),
      kid,
      alg: 'RS256',
      use: 'sig',
    }));
    return JSON.stringify({ keys: await Promise.all(keys) });
  }
}

/** A token under any RSA key. */
export const signWith = (key: CryptoKey, claims: Record<string, unknown>, header: Record<string, unknown> = {}) =>
  new SignJWT(claims).setProtectedHeader({ alg: 'RS256', typ: 'JWT', ...header }).sign(key, { crit: { x: true } });

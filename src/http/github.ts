import { type HookVerifier, verifierKind } from '../core/hook.ts';
import { isSignedByAny } from './hmac.ts';
import { lengthProblem } from './hook-secret.ts';

const signature = /^sha256=([0-9a-f]{64})$/;

/**
 * Webhooks of GitHub: `X-Hub-Signature-256` over the body, the delivery known by `X-GitHub-Delivery`. GitHub signs neither
 * a time nor that id, so it is TLS that keeps a delivery from being heard and sent again under another.
 */
export const github = (): HookVerifier => ({
  kind: verifierKind,
  secretProblem: lengthProblem,
  async verify({ headers, bytes }, secrets) {
    const hex = signature.exec(headers.get('x-hub-signature-256') ?? '')?.[1];
    if (!hex) return null;
    const keys = secrets.map((secret) => new TextEncoder().encode(secret));
    const isSigned = await isSignedByAny(keys, bytes, [fromHex(hex)]);
    return isSigned ? { id: headers.get('x-github-delivery') } : null;
  },
});

const fromHex = (hex: string): Uint8Array =>
  Uint8Array.from(hex.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));

import { bearerIn } from './bearer.ts';
import type { Prover } from './prover.ts';
import type { SignedTokens } from './tokens.ts';

export interface ChainLinkOptions {
  readonly tokens: SignedTokens;
  /** Takes a link up, once, and answers the stamp of the next; null where it was taken before, or too late. */
  readonly follow: (stamp: string) => Promise<string | null>;
}

/** Proves a `/run` that another one has called to go on where it had to stop. It is good for that one call. */
export const chainLinks =
  ({ tokens, follow }: ChainLinkOptions): Prover =>
  async ({ request, route }) => {
    if (route.path !== '/run' || route.method !== 'POST') return null;
    const token = bearerIn(request.headers);
    const claims = token === null ? null : tokens.read(token);
    if (claims?.use !== 'chain') return null;
    const stamp = await follow(claims.stamp);
    return stamp === null ? null : { kind: 'chain', stamp, link: claims.link };
  };

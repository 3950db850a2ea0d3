import type { TokenScope } from './caller.ts';
import type { Prover } from './prover.ts';
import { digestOf, isSameDigest } from './same-secret.ts';

/** The configured bearer tokens of each scope; a token may be in several. */
export interface TokenLists {
  readonly triggerTokens: readonly string[];
  readonly enqueueTokens: readonly string[];
  readonly readTokens: readonly string[];
  readonly adminTokens: readonly string[];
}

interface Known {
  readonly digest: Uint8Array;
  readonly scope: TokenScope;
}

/** The token of `Authorization: Bearer`; null for any other scheme, or none. */
export const bearerIn = (headers: Headers): string | null =>
  /^bearer +(\S+)$/i.exec(headers.get('authorization') ?? '')?.[1] ?? null;

/** Proves by a configured token. Every one is compared, by digest, so that time tells neither which nor how much fits. */
export function bearerTokens(lists: TokenLists): Prover {
  const known = byScope(lists).map(([scope, token]): Known => ({ scope, digest: digestOf(token) }));
  return async ({ request }) => {
    const token = bearerIn(request.headers);
    if (token === null) return null;
    const digest = digestOf(token);
    const fitting = known.filter((each) => isSameDigest(each.digest, digest));
    return fitting.length > 0 ? { kind: 'bearer', scopes: new Set(fitting.map(({ scope }) => scope)) } : null;
  };
}

const byScope = (lists: TokenLists): [TokenScope, string][] => [
  ...lists.triggerTokens.map((token): [TokenScope, string] => ['trigger', token]),
  ...lists.enqueueTokens.map((token): [TokenScope, string] => ['enqueue', token]),
  ...lists.readTokens.map((token): [TokenScope, string] => ['read', token]),
  ...lists.adminTokens.map((token): [TokenScope, string] => ['admin', token]),
];

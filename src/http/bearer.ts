import type { TokenScope } from './caller.ts';
import { once } from './once.ts';
import type { Prover } from './prover.ts';

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
export const bearerOf = (request: Request): string | null =>
  /^bearer +(\S+)$/i.exec(request.headers.get('authorization') ?? '')?.[1] ?? null;

/** Proves by a configured token. Every one is compared, by digest, so that time tells neither which nor how much fits. */
export function bearerTokens(lists: TokenLists): Prover {
  const digestAll = once(() =>
    Promise.all(byScope(lists).map(async ([scope, token]): Promise<Known> => ({ scope, digest: await sha256(token) }))),
  );
  return async ({ request }) => {
    const token = bearerOf(request);
    if (token === null) return null;
    const digest = await sha256(token);
    const fitting = (await digestAll()).filter((known) => isSame(known.digest, digest));
    return fitting.length > 0 ? { kind: 'bearer', scopes: new Set(fitting.map(({ scope }) => scope)) } : null;
  };
}

const byScope = (lists: TokenLists): [TokenScope, string][] => [
  ...lists.triggerTokens.map((token): [TokenScope, string] => ['trigger', token]),
  ...lists.enqueueTokens.map((token): [TokenScope, string] => ['enqueue', token]),
  ...lists.readTokens.map((token): [TokenScope, string] => ['read', token]),
  ...lists.adminTokens.map((token): [TokenScope, string] => ['admin', token]),
];

const sha256 = async (text: string): Promise<Uint8Array> =>
  new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)));

/** Whether two digests are equal, in a time that does not depend on where they differ. */
function isSame(one: Uint8Array, other: Uint8Array): boolean {
  let difference = 0;
  for (let at = 0; at < one.length; at += 1) difference |= one[at]! ^ other[at]!;
  return difference === 0;
}

import type { Prover } from './prover.ts';

const vouched = new WeakSet<Request>();

/**
 * Marks a request that a door made by itself because its platform called (a cron of Workers, a direct invocation on
 * Lambda). Nothing that comes over HTTP can bear the mark: it is on the object, not in it.
 */
export function vouchFor(request: Request): Request {
  vouched.add(request);
  return request;
}

/** Proves a trigger by the mark of a door. */
export const platformCalls: Prover = async ({ request }) =>
  vouched.has(request) ? { kind: 'trigger', by: 'platform' } : null;

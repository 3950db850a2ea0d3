import type { DeploymentConfig } from '../../src/deployment.ts';
import { type InstanceOptions, instanceOf } from './instance.ts';

/** Under a `maxDuration` of 60; where that is more, MOBULA_INVOCATION_SECONDS should be too. */
const callSeconds = 55;

/** An answer has 4.5 MB, with its headers. */
const answerBytes = 4_400_000;

/**
 * A deployment as a Vercel function, for every method: `const mobula = vercel(config); export { mobula as GET, mobula as
 * POST }`. What goes on after an answer is kept alive by Vercel's own `waitUntil`.
 */
export function vercel(config: DeploymentConfig, options: InstanceOptions = {}) {
  const opened = instanceOf(config, options, { seconds: () => callSeconds, afterAnswer: waitUntil, answerBytes });
  return async (request: Request): Promise<Response> => opened().app.fetch(request);
}

/** Where Vercel keeps what belongs to the request; its own package reads no more than this. */
const requestContext = Symbol.for('@vercel/request-context');

interface RequestContext {
  get?(): { waitUntil?(work: Promise<unknown>): void } | undefined;
}

function waitUntil(work: Promise<unknown>): void {
  const { [requestContext]: context } = globalThis as { [requestContext]?: RequestContext };
  context?.get?.()?.waitUntil?.(work);
}

import type { IncomingMessage, ServerResponse } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import type { DeploymentConfig } from '../../src/deployment.ts';
import { type InstanceOptions, instanceOf } from './instance.ts';

/** Under the minute that a function gets unless its deployment says otherwise; then MOBULA_INVOCATION_SECONDS should too. */
const callSeconds = 55;

/**
 * A deployment as a Google Cloud Function: `http('mobula', google(config))` with the Functions Framework, which has read
 * the body before we see it. On Cloud Run take the image, or the Node door.
 */
export function google(config: DeploymentConfig, options: InstanceOptions = {}) {
  const opened = instanceOf(config, options, { seconds: () => callSeconds });
  const listen = getRequestListener((request) => opened().app.fetch(request), { overrideGlobalObjects: false });
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> =>
    void (await listen(request, response));
}

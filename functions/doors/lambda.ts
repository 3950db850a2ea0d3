import { handle, type LambdaContext, type LambdaEvent } from 'hono/aws-lambda';
import * as z from 'zod';
import type { DeploymentConfig } from '../../src/deployment.ts';
import { callScope } from './call-scope.ts';
import { type InstanceOptions, instanceOf } from './instance.ts';
import { platformRequest } from './platform-call.ts';

/** What `EventBridge Scheduler` or any other caller with the right to invoke the function sends: no HTTP, and trusted. */
const directCall = z.strictObject({
  route: z.string().regex(/^\/(run|run-one|purge|execute\/[\w-]+)$/),
  body: z.record(z.string(), z.json()).optional(),
});

/** For what is under way when the time is up: to be handed back or written, and the answer. */
const marginSeconds = 2;

/** An answer has 6 MB, and is a text in JSON there: at worst each byte of a value becomes two. */
const answerBytes = 3_000_000;

type Context = Pick<LambdaContext, 'getRemainingTimeInMillis'>;

/**
 * A deployment as an AWS Lambda function: `export const handler = lambda(config)`. It takes HTTP from a function URL, API
 * Gateway (both kinds) and load balancers, and direct calls like `{"route": "/run"}`, which IAM has proven. What comes by
 * HTTP always has a `requestContext`, made by AWS, and a direct call can have none: neither can pass for the other.
 */
export function lambda(config: DeploymentConfig, options: InstanceOptions = {}) {
  const calls = callScope<{ readonly seconds: number }>();
  const opened = instanceOf(config, options, { seconds: () => calls.context().seconds, answerBytes });

  return (event: unknown, context: Context): Promise<unknown> =>
    calls.enter({ seconds: secondsFor(context) }, () =>
      isHttp(event) ? handle(opened().app)(event, context as LambdaContext) : answerDirect(event),
    );

  async function answerDirect(event: unknown): Promise<unknown> {
    const { success, data } = directCall.safeParse(event);
    if (!success) throw new TypeError('This event is neither HTTP nor a call like {"route": "/run", "body": {}}.');
    const path = (options.basePath ?? '').replace(/\/+$/, '') + data.route;
    const answer = await opened().app.fetch(platformRequest(path, data.body));
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${data.route} answered ${answer.status}: ${text}`);
    return JSON.parse(text);
  }
}

const isHttp = (event: unknown): event is LambdaEvent =>
  typeof event === 'object' && event !== null && 'requestContext' in event;

const secondsFor = (context: Context): number =>
  Math.max(1, context.getRemainingTimeInMillis() / 1_000 - marginSeconds);

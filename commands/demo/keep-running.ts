import { callApi } from './api.ts';
import { startCron, wordsFor } from './cron.ts';
import type { Parts } from './parts.ts';
import { heading, tell } from './say.ts';

/** Says how to use what runs, calls `/run` every second, and returns when it is told to end. */
export async function keepRunning(parts: Parts, abort: AbortSignal): Promise<void> {
  heading('Still running, until you press Ctrl-C');
  tell(instructions(parts));
  const cron = startCron(callApi(parts.url, parts.tokens, abort), abort, (answer) => {
    const words = wordsFor(answer);
    if (words) tell(`POST /run  ${words}`);
  });
  await cron.ended;
}

const instructions = ({ url, tokens, ray }: Parts): string => `\
POST /run is called every second and says here when it has started something. In another terminal:

  app=${url}
  auth='Authorization: Bearer ${tokens.admin}'

  curl -s $app/tasks -H "$auth" -H 'Content-Type: application/json' \\
    -d '{"task": "slow_task", "input": {"seconds": 10}}'
  curl -s "$app/status/ID?wait=10" -H "$auth"   # with the id that the first one answered
  curl -s $app/executions/ID -H "$auth"           # with its attempts
  curl -s -X POST $app/run -H "$auth"             # one more call does no harm
  curl -s $app/openapi.json -H "$auth"            # all there is

The token is good for every call. Those of one scope each are
  enqueue  ${tokens.enqueue}
  trigger  ${tokens.trigger}
  read     ${tokens.read}
${ray ? `\nRay's dashboard is at ${ray.url} and asks for this token: ${ray.token}\n` : ''}`;

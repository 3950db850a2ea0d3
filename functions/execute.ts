import * as z from 'zod';
import { findAttempts } from '../src/db/executions/find-attempts.ts';
import { awaitFinal } from '../src/engine/await-change.ts';
import { execute } from '../src/engine/execute.ts';
import { jsonAnswer } from '../src/http/json-answer.ts';
import { problemAnswer } from '../src/http/problem.ts';
import { route } from '../src/http/route.ts';
import { taskAnswer, taskObject } from '../src/http/task-object.ts';
import { type Deployed, viewOf, waitSecondsLeft } from './deployed.ts';
import { flag } from './fields.ts';

/** Runs that one execution now; made for senders that deliver one id at a time and redeliver on a 5xx. */
export const executeRoute = (deployed: Deployed) =>
  route({
    method: 'POST',
    path: '/execute/:id',
    operationId: 'execute',
    scope: 'trigger',
    summary: 'Run this execution.',
    acceptsForm: true,
    headers: { Prefer: '`wait=N`: wait up to N seconds for a Ray execution to finish.' },
    body: z.object({ allow_retry: flag, force: flag, fail_on_error: flag }),
    answers: {
      200: { description: 'It as it is after this attempt, or while Ray runs it.', schema: taskAnswer },
      404: { description: 'There is no such execution.' },
      409: { description: 'Its state forbids it; `state` says which.' },
      500: { description: 'With `fail_on_error`: this attempt failed; `task` is in the problem.' },
      503: { description: 'The cluster is full (`at_capacity`) or cannot be reached.' },
    },
    async handle({ params, body, request, caller }) {
      const { engine, callSeconds: seconds } = deployed;
      const started = engine.monotonicMs();
      const { allow_retry: allowRetry, force } = body;
      const { attempt } = await execute(engine, { id: params.id, allowRetry, force, seconds });
      const [execution] = await awaitFinal(engine, [params.id], waitSecondsLeft(deployed, request, started));
      if (!execution) throw new RangeError('An execution vanished while it ran.');
      const task = taskObject(execution, viewOf(caller));
      return body.fail_on_error && (await hasFailed(deployed, params.id, attempt))
        ? failedAnswer(task)
        : jsonAnswer(200, [['task', task]]);
    },
  });

/** Whether this very attempt failed, whatever has followed it since. */
async function hasFailed({ engine }: Deployed, id: string, attempt: number): Promise<boolean> {
  const state = (await findAttempts(engine.db, id)).find((each) => each.attempt === attempt)?.state;
  return state === 'FAILED' || state === 'LOST';
}

const failedAnswer = (task: string): Response =>
  problemAnswer({ code: 'execution_failed', status: 500, detail: 'The attempt failed.', members: [['task', task]] });

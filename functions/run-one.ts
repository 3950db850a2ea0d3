import * as z from 'zod';
import { awaitFinal } from '../src/engine/await-change.ts';
import { run } from '../src/engine/run.ts';
import { answer, jsonAnswer } from '../src/http/json-answer.ts';
import { route } from '../src/http/route.ts';
import { taskAnswer, taskObject } from '../src/http/task-object.ts';
import { type Deployed, viewOf, waitSecondsLeft } from './deployed.ts';
import { backendName, queueNames } from './fields.ts';

/** The same as `/run` for exactly one execution: the first in line. */
export const runOneRoute = (deployed: Deployed) =>
  route({
    method: 'POST',
    path: '/run-one',
    operationId: 'runOne',
    scope: 'trigger',
    summary: 'Run the one execution that is first in line.',
    acceptsForm: true,
    headers: { Prefer: '`wait=N`: wait up to N seconds for a Ray execution to finish.' },
    body: z.object({ queue_name: queueNames, backend_name: backendName }),
    answers: {
      200: {
        description: 'It as it is now, or that there was none.',
        schema: z.union([
          taskAnswer.extend({ processed: z.literal(true) }),
          z.object({ processed: z.literal(false), message: z.string() }),
        ]),
      },
    },
    async handle({ body, request, caller }) {
      const { engine, callSeconds: seconds } = deployed;
      const started = engine.monotonicMs();
      const { tasks } = await run(engine, { queues: body.queue_name, maxTasks: 1, seconds });
      const [execution] = await awaitFinal(engine, [...tasks.keys()], waitSecondsLeft(deployed, request, started));
      if (!execution) return answer(200, { processed: false, message: 'No tasks available' });
      return jsonAnswer(200, [
        ['processed', 'true'],
        ['task', taskObject(execution, viewOf(caller))],
      ]);
    },
  });

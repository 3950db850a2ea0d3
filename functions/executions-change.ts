import * as z from 'zod';
import type { Execution } from '../src/core/execution.ts';
import { cancel } from '../src/engine/cancel.ts';
import { remove } from '../src/engine/purge.ts';
import { reset, retry } from '../src/engine/retry.ts';
import type { Caller } from '../src/http/caller.ts';
import { answer, jsonAnswer } from '../src/http/json-answer.ts';
import { route } from '../src/http/route.ts';
import { taskAnswer, taskObject } from '../src/http/task-object.ts';
import { type Deployed, viewOf } from './deployed.ts';
import { queueName } from './fields.ts';

const refused = { 409: { description: 'Its state forbids it; `state` says which.' } };

/** Stops an execution: at once before user code has begun, else as soon as it has ended. */
export const cancelRoute = (deployed: Deployed) =>
  route({
    method: 'POST',
    path: '/executions/:id/cancel',
    operationId: 'cancel',
    scope: 'admin',
    summary: 'Cancel this execution.',
    answers: { 202: { description: 'As decided: CANCELLED or CANCELLING.', schema: taskAnswer }, ...refused },
    handle: async ({ params, caller }) => accepted(await cancel(deployed.engine, params.id), caller),
  });

/** Puts a final execution that did not succeed back into its queue. */
export const retryRoute = (deployed: Deployed) =>
  route({
    method: 'POST',
    path: '/executions/:id/retry',
    operationId: 'retry',
    scope: 'admin',
    summary: 'Retry this execution.',
    answers: { 202: { description: 'QUEUED, due now, with its attempts anew.', schema: taskAnswer }, ...refused },
    handle: async ({ params, caller }) => accepted(await retry(deployed.engine, params.id), caller),
  });

const accepted = (execution: Execution, caller: Caller): Response =>
  jsonAnswer(202, [['task', taskObject(execution, viewOf(caller))]]);

/** Retries all that match. */
export const resetRoute = (deployed: Deployed) =>
  route({
    method: 'POST',
    path: '/executions/reset',
    operationId: 'reset',
    scope: 'admin',
    summary: 'Retry all executions of a state.',
    body: z.object({
      state: z.enum(['FAILED', 'CANCELLED', 'LOST', 'EXPIRED']),
      queue_name: queueName,
      task: z.string().nullish(),
    }),
    answers: { 200: { description: 'How many.', schema: z.object({ reset: z.int() }) } },
    async handle({ body: { state, queue_name: queue, task } }) {
      const scope = { state, queue: queue ?? null, task: task ?? null };
      return answer(200, { reset: await reset(deployed.engine, scope, deployed.callSeconds) });
    },
  });

/** Deletes one final execution with all that is its. */
export const deleteRoute = (deployed: Deployed) =>
  route({
    method: 'DELETE',
    path: '/executions/:id',
    operationId: 'deleteExecution',
    scope: 'admin',
    summary: 'Delete this execution with its result.',
    answers: { 204: { description: 'Gone.' }, ...refused },
    async handle({ params }) {
      await remove(deployed.engine, params.id);
      return new Response(null, { status: 204 });
    },
  });

import * as z from 'zod';
import { type State, states, statusOf } from '../src/core/execution.ts';
import { readStats } from '../src/db/executions/stats.ts';
import { listPage } from '../src/engine/list.ts';
import { answer, jsonAnswer, rawArray } from '../src/http/json-answer.ts';
import { route } from '../src/http/route.ts';
import { taskObject, taskSchema } from '../src/http/task-object.ts';
import { type Deployed, viewOf } from './deployed.ts';

const instant = z.iso.datetime({ offset: true, error: 'This must be an RFC 3339 instant with a time zone.' });

/** Executions, newest first, a page at a time. */
export const listRoute = (deployed: Deployed) =>
  route({
    method: 'GET',
    path: '/executions',
    operationId: 'listExecutions',
    scope: 'read',
    summary: 'Executions, newest first.',
    query: z.object({
      state: z.enum(states).optional(),
      status: z.enum(['READY', 'RUNNING', 'SUCCESSFUL', 'FAILED']).optional(),
      queue_name: z.string().optional(),
      task: z.string().optional(),
      created_after: instant.optional(),
      created_before: instant.optional(),
      limit: z.int().min(1).max(100).default(50),
      cursor: z.string().max(200).optional(),
    }),
    answers: {
      200: {
        description: 'A page, shorter than `limit` where results are large; `next_cursor` is null on the last one.',
        schema: z.object({ executions: z.array(taskSchema), next_cursor: z.string().nullable() }),
      },
    },
    async handle({ query, caller }) {
      const filters = {
        states: statesOf(query.state, query.status),
        queue: query.queue_name ?? null,
        task: query.task ?? null,
        createdAfter: query.created_after ? new Date(query.created_after) : null,
        createdBefore: query.created_before ? new Date(query.created_before) : null,
      };
      const page = { cursor: query.cursor ?? null, limit: query.limit };
      const { executions, nextCursor } = await listPage(deployed.engine, filters, page);
      const view = viewOf(caller);
      return jsonAnswer(200, [
        ['executions', rawArray(executions.map((execution) => taskObject(execution, view)))],
        ['next_cursor', JSON.stringify(nextCursor)],
      ]);
    },
  });

/** The states that both filters let through; null where neither is there. */
function statesOf(state: State | undefined, status: string | undefined): readonly State[] | null {
  if (!state && !status) return null;
  return states.filter((each) => (!state || each === state) && (!status || statusOf(each) === status));
}

const count = z.int();
const stats = z
  .object({
    states: z.object(Object.fromEntries(states.map((state) => [state, count]))),
    queues: z.record(z.string(), z.object({ ready: count, delayed: count, running: count })),
    oldest_ready_seconds: z.number().nullable(),
  })
  .meta({ id: 'Stats' });

/** How much there is of what; history costs nothing, however long. */
export const statsRoute = (deployed: Deployed) =>
  route({
    method: 'GET',
    path: '/executions/stats',
    operationId: 'getStats',
    scope: 'read',
    summary: 'How many executions are in which state and queue.',
    answers: { 200: { description: 'As it is now; states that nothing is in are 0.', schema: stats } },
    async handle() {
      const { states: byState, queues, oldestReadySeconds } = await readStats(deployed.engine.db);
      return answer(200, { states: byState, queues, oldest_ready_seconds: oldestReadySeconds });
    },
  });

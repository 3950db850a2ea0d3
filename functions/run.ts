import * as z from 'zod';
import { type State, statusOf } from '../src/core/execution.ts';
import { awaitFinal } from '../src/engine/await-change.ts';
import { run } from '../src/engine/run.ts';
import type { Caller } from '../src/http/caller.ts';
import { answer } from '../src/http/json-answer.ts';
import { route } from '../src/http/route.ts';
import { type Deployed, waitSecondsLeft } from './deployed.ts';
import { backendName, queueNames } from './fields.ts';
import { goOn } from './go-on.ts';

const count = z.int();
const runAnswer = z
  .object({
    processed: count,
    tasks: z.array(z.object({ id: z.string(), task: z.string(), state: z.string(), status: z.string() })),
    submitted: count,
    completed: count,
    retried: count,
    recovered: count,
    expired: count,
    enqueued: count,
    remaining: z.boolean(),
    next_wake_at: z.iso.datetime().nullable(),
    ray: z.enum(['ok', 'unreachable', 'none']),
  })
  .meta({ id: 'RunAnswer' });

const answers = { 200: { description: 'What was done.', schema: runAnswer } };

/** One bounded turn of everything that a resident worker would do. Made for a cron line; safe to overlap with itself. */
export const runRoute = (deployed: Deployed) =>
  route({
    method: 'POST',
    path: '/run',
    operationId: 'run',
    scope: 'trigger',
    summary: 'Do all that is due now.',
    acceptsForm: true,
    headers: { Prefer: '`wait=N`: wait up to N seconds for Ray executions to finish.' },
    body: z.object({
      queue_name: queueNames,
      backend_name: backendName,
      max_tasks: z.int().min(0).max(1_000_000).nullish(),
    }),
    answers,
    handle: ({ body, request, caller }) =>
      answerRun(deployed, { request, caller }, { queues: body.queue_name, maxTasks: body.max_tasks ?? 0 }),
  });

/** The same for Vercel's cron, which can only GET and says nothing; there only with its secret. */
export const cronRunRoute = (deployed: Deployed) =>
  route({
    method: 'GET',
    path: '/run',
    operationId: 'runByCron',
    scope: 'cron',
    summary: 'Do all that is due now, for Vercel’s cron.',
    description: 'There only where `CRON_SECRET` is set; else 405.',
    answers,
    handle: (call) => answerRun(deployed, call, { queues: null, maxTasks: 0 }),
  });

async function answerRun(
  deployed: Deployed,
  { request, caller }: { request: Request; caller: Caller },
  wanted: { queues: readonly string[] | null; maxTasks: number },
): Promise<Response> {
  const { engine, callSeconds: seconds } = deployed;
  const started = engine.monotonicMs();
  const done = await run(engine, { ...wanted, seconds });
  // Whoever asked for a number has got it.
  const hasMore = done.remaining && wanted.maxTasks === 0;
  await goOn(deployed, { caller, queues: wanted.queues, hasMore });
  const states = await waitFor(deployed, [...done.tasks.keys()], waitSecondsLeft(deployed, request, started));
  return answer(200, {
    processed: done.processed,
    tasks: [...done.tasks.values()].map(({ id, task, state }) => toListed(id, task, states.get(id) ?? state)),
    submitted: done.submitted,
    completed: done.completed,
    retried: done.retried,
    recovered: done.recovered,
    expired: done.expired,
    enqueued: done.enqueued,
    remaining: done.remaining,
    next_wake_at: done.nextWakeAt,
    ray: done.ray,
  });
}

const toListed = (id: string, task: string, state: State) => ({ id, task, state, status: statusOf(state) });

/** The states that `Prefer: wait` waited for; empty where nobody asked to wait. */
async function waitFor(
  { engine }: Deployed,
  ids: readonly string[],
  seconds: number,
): Promise<ReadonlyMap<string, State>> {
  if (seconds <= 0 || ids.length === 0) return new Map();
  const executions = await awaitFinal(engine, ids, seconds);
  return new Map(executions.map(({ id, state }) => [id, state]));
}

import * as z from 'zod';
import { MobulaError } from '../src/core/errors.ts';
import { type Execution, statusOf } from '../src/core/execution.ts';
import type { ServedHook } from '../src/core/hook.ts';
import { enqueueExecutions } from '../src/engine/enqueue.ts';
import { run } from '../src/engine/run.ts';
import type { Caller } from '../src/http/caller.ts';
import { failureText } from '../src/http/failure-text.ts';
import { answer } from '../src/http/json-answer.ts';
import { route } from '../src/http/route.ts';
import type { Deployed } from './deployed.ts';
import { readInput } from './hook-input.ts';

const taken = z.object({ task: z.object({ id: z.string(), task: z.string(), state: z.string(), status: z.string() }) });
const ignored = z.object({ ignored: z.literal(true) });

/** Makes an execution of what a sender delivers. The same delivery again, be it at once or in a month, makes no second. */
export const hookRoute = (deployed: Deployed) =>
  route({
    method: 'POST',
    path: '/hooks/:name',
    operationId: 'deliver',
    scope: 'hook',
    summary: 'Deliver a webhook, which enqueues its one task.',
    description:
      'Closed without the proof of that hook’s sender, and for a hook that is not there alike. A delivery is known by its `webhook-id`, `X-GitHub-Delivery`, `Upstash-Message-Id` or `Idempotency-Key`. The answer goes to a stranger: it has no token, input or result.',
    rawBody: true,
    answers: {
      201: { description: 'Stored.', schema: taken },
      200: {
        description: 'This delivery was taken before; or there is nothing to do for it.',
        schema: z.union([taken, ignored]),
      },
    },
    async handle({ params, caller, request, readBytes }) {
      const hook = deployed.hooks.get(params.name);
      if (!hook) throw new RangeError('A delivery was proven for a hook that is not there.');
      const delivery = { id: deliveryIdOf(caller), request, bytes: await readBytes() };
      const input = await readInput(hook, delivery, deployed.engine.log);
      const made = input === null ? null : await enqueueOnce(deployed, hook, { ...params, id: delivery.id, input });
      if (!made) return answer(200, { ignored: true });
      if (made.created) startSoon(deployed, made.execution);
      return answer(made.created ? 201 : 200, { task: toShown(made.execution) });
    },
  });

const deliveryIdOf = (caller: Caller): string | null => (caller.kind === 'hook' ? caller.deliveryId : null);

const toShown = ({ id, task, state }: Execution) => ({ id, task, state, status: statusOf(state) });

/** Null where the delivery was taken so long ago that its execution has been purged: there is nothing left to do. */
async function enqueueOnce(
  { engine }: Deployed,
  { task }: ServedHook,
  { name, id, input }: { name: string; id: string | null; input: string },
): Promise<{ execution: Execution; created: boolean } | null> {
  // With a space in it, which a caller's own Idempotency-Key cannot have. What the delivery says does not count: it is
  // the same one by its id, whatever its sender or a newer mapping makes of it.
  const key = id === null ? null : { key: `hook ${name} ${id}`, request: `hook ${name}` };
  try {
    const [made] = await enqueueExecutions(engine, [{ task, request: { task: task.name, input } }], key);
    return made ?? null;
  } catch (error) {
    if (error instanceof MobulaError && error.code === 'execution_purged') return null;
    throw error;
  }
}

/** Runs what is first in line of that queue, after the answer: where the platform lets work go on, nobody waits for a cron. */
function startSoon({ engine, callSeconds, afterAnswer }: Deployed, { queue }: Execution): void {
  if (!afterAnswer) return;
  const started = run(engine, { queues: [queue], maxTasks: 1, seconds: callSeconds });
  afterAnswer(started.catch((error) => engine.log('warn', 'start_failed', { queue, error: failureText(error) })));
}

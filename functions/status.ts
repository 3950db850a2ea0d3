import * as z from 'zod';
import { executionNotFound, MobulaError } from '../src/core/errors.ts';
import { isExecutionId } from '../src/core/ids.ts';
import type { Sight } from '../src/db/executions/find.ts';
import { awaitChange } from '../src/engine/await-change.ts';
import type { Caller } from '../src/http/caller.ts';
import { matchesEtag } from '../src/http/etag.ts';
import { jsonAnswer } from '../src/http/json-answer.ts';
import { route } from '../src/http/route.ts';
import { type TaskView, taskAnswer, taskObject } from '../src/http/task-object.ts';
import { type Deployed, viewOf } from './deployed.ts';
import { waitSeconds } from './fields.ts';

/** What front ends poll. It never writes; a heartbeat does not change its ETag, progress does. */
export const statusRoute = (deployed: Deployed) =>
  route({
    method: 'GET',
    path: '/status/:id',
    operationId: 'status',
    scope: 'status',
    summary: 'The execution as it is now, or when it has changed.',
    query: z.object({ wait: waitSeconds }),
    headers: { 'If-None-Match': 'The ETag of the last answer; with `wait`, what a change is compared with.' },
    answers: {
      200: { description: 'As it is now.', schema: taskAnswer },
      304: { description: 'Still as the ETag says.' },
      404: { description: 'There is no such execution.' },
    },
    async handle({ params, query, request, caller }) {
      const ifNoneMatch = request.headers.get('if-none-match');
      const view = viewOf(caller);
      const sight = await look(deployed, {
        id: params.id,
        seconds: query.wait ?? 0,
        isKnown: ifNoneMatch === null ? undefined : (version) => matchesEtag(ifNoneMatch, etagOf(version, view)),
      });
      judgeExpiry(caller, sight);
      const etag = etagOf(sight.execution.version, view);
      if (matchesEtag(ifNoneMatch, etag)) return new Response(null, { status: 304, headers: { etag } });
      return jsonAnswer(200, [['task', taskObject(sight.execution, view, sight.observedAt)]], { etag });
    },
  });

async function look(
  { engine, callSeconds }: Deployed,
  { id, seconds, isKnown }: { id: string; seconds: number; isKnown?: ((version: number) => boolean) | undefined },
): Promise<Sight> {
  const sight = isExecutionId(id)
    ? await awaitChange(engine, { id, isKnown, seconds: Math.min(seconds, callSeconds) })
    : null;
  if (!sight) throw executionNotFound();
  return sight;
}

const etagOf = (version: number, view: TaskView): string => `"${version}-${view}"`;

/** A status token lives for a week from the enqueue, by the database's clock. */
export function judgeExpiry(caller: Caller, { observedAt }: Sight): void {
  if (caller.kind === 'status' && caller.expiresAt <= observedAt) {
    throw new MobulaError('unauthenticated', 'The status token has expired.');
  }
}

import { executionNotFound } from '../src/core/errors.ts';
import { isExecutionId } from '../src/core/ids.ts';
import { toBase64 } from '../src/core/sha256.ts';
import { findExecution, type Sight } from '../src/db/executions/find.ts';
import { findAttempts } from '../src/db/executions/find-attempts.ts';
import { type ServedResult, serveResult } from '../src/engine/read-result.ts';
import { jsonAnswer, rawAnswer, rawObject } from '../src/http/json-answer.ts';
import { route } from '../src/http/route.ts';
import { attemptsText, taskMembers, taskWithAttemptsAnswer } from '../src/http/task-object.ts';
import { type Deployed, viewOf } from './deployed.ts';
import { judgeExpiry } from './status.ts';

/** One execution with its history. */
export const executionRoute = (deployed: Deployed) =>
  route({
    method: 'GET',
    path: '/executions/:id',
    operationId: 'getExecution',
    scope: 'read',
    summary: 'One execution with all its attempts.',
    answers: {
      200: { description: 'As it is now; `attempts` come oldest first.', schema: taskWithAttemptsAnswer },
      404: { description: 'There is no such execution.' },
    },
    async handle({ params, caller }) {
      const { execution, observedAt } = await find(deployed, params.id);
      const view = viewOf(caller);
      const attempts = attemptsText(await findAttempts(deployed.engine.db, execution.id), view);
      const task = rawObject([...taskMembers(execution, view, observedAt), ['attempts', attempts]]);
      return jsonAnswer(200, [['task', task]]);
    },
  });

/** The value itself, verified against its digest wherever it is kept. */
export const resultRoute = (deployed: Deployed) =>
  route({
    method: 'GET',
    path: '/executions/:id/result',
    operationId: 'getResult',
    scope: 'status',
    summary: 'The value of a succeeded execution.',
    answers: {
      200: {
        description: 'The JSON value, as its producer wrote it; a large one is cut short should it turn out wrong.',
      },
      303: {
        description:
          'Where to fetch a value over 8 MiB, or over what this platform lets pass, for the next minutes; `Repr-Digest` is its SHA-256.',
      },
      404: { description: 'There is no such execution.' },
      409: { description: 'It is unfinished, or it failed.' },
      410: { description: 'Only its digest was kept.' },
      503: { description: 'The stored value cannot be read, or is not what was stored.' },
    },
    async handle({ params, caller }) {
      const sight = await find(deployed, params.id);
      judgeExpiry(caller, sight);
      return toResponse(await serveResult(deployed.engine, sight.execution, deployed.answerBytes));
    },
  });

function toResponse(served: ServedResult): Response {
  const { kind } = served;
  if (kind === 'whole') return rawAnswer(200, served.value);
  if (kind === 'stream') {
    const headers = { 'content-type': 'application/json', 'content-length': String(served.bytes) };
    return new Response(served.stream, { headers });
  }
  const headers = { location: served.url, 'repr-digest': `sha-256=:${toBase64(served.sha256)}:` };
  return new Response(null, { status: 303, headers: { ...headers, 'x-result-bytes': String(served.bytes) } });
}

async function find({ engine }: Deployed, id: string): Promise<Sight> {
  const sight = isExecutionId(id) ? await findExecution(engine.db, id) : null;
  if (!sight) throw executionNotFound();
  return sight;
}

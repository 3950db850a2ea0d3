import * as z from 'zod';
import { canonicalText } from '../src/core/canonical.ts';
import { invalid } from '../src/core/errors.ts';
import { readItems, scanJson } from '../src/core/json-text.ts';
import { limits } from '../src/core/limits.ts';
import { type EnqueueAnswer, enqueueExecutions, type Idempotency, type Wish } from '../src/engine/enqueue.ts';
import type { Caller } from '../src/http/caller.ts';
import { jsonAnswer, type RawMember, rawArray, rawObject } from '../src/http/json-answer.ts';
import { route } from '../src/http/route.ts';
import { taskObject, taskSchema } from '../src/http/task-object.ts';
import { type Deployed, statusToken, statusUrl, viewOf } from './deployed.ts';
import { queueName, seconds } from './fields.ts';

const wish = z.strictObject({
  task: z.string(),
  input: z.unknown(),
  queue_name: queueName,
  priority: z.number().nullish(),
  run_after: z.iso.datetime({ offset: true, error: 'This must be an RFC 3339 instant with a time zone.' }).nullish(),
  delay_seconds: seconds,
  timeout_seconds: seconds,
  queue_timeout_seconds: seconds,
  max_attempts: z.number().nullish(),
  unique_key: z.string().nullish(),
  metadata: z.record(z.string(), z.unknown()).nullish(),
});

const enqueued = z.object({ task: taskSchema, status_url: z.string(), status_token: z.string().nullable() });
const idempotencyKey = 'The same key with the same body answers the same execution; 1 to 255 visible ASCII characters.';

/** Enqueues one execution; acknowledged, it is never lost. */
export const enqueueRoute = (deployed: Deployed) =>
  route({
    method: 'POST',
    path: '/tasks',
    operationId: 'enqueue',
    scope: 'enqueue',
    summary: 'Enqueue one execution.',
    headers: { 'Idempotency-Key': idempotencyKey },
    body: wish,
    answers: {
      201: { description: 'Stored.', schema: enqueued },
      200: { description: 'It was there: by its Idempotency-Key, or its unique_key.', schema: enqueued },
      410: { description: 'What this Idempotency-Key made has been purged; `id` says which.' },
    },
    async handle({ body, raw, request, caller }) {
      const wishes = [toWish(deployed, body, raw, '')];
      const [answer] = await enqueueExecutions(deployed.engine, wishes, idempotencyOf(request, body));
      const members = answerMembers(deployed, request, { answer: answer as EnqueueAnswer, caller });
      return jsonAnswer(answer?.created ? 201 : 200, members);
    },
  });

/** The same for many: one statement, all or none. */
export const enqueueBatchRoute = (deployed: Deployed) =>
  route({
    method: 'POST',
    path: '/tasks/batch',
    operationId: 'enqueueBatch',
    scope: 'enqueue',
    summary: 'Enqueue up to 1,000 executions, all or none.',
    headers: { 'Idempotency-Key': idempotencyKey },
    body: z.object({ tasks: z.array(wish).min(1).max(limits.batchTasks) }),
    answers: {
      201: { description: 'Stored, in the order asked.', schema: z.object({ tasks: z.array(enqueued) }) },
      200: {
        description: 'They were there, by their Idempotency-Key.',
        schema: z.object({ tasks: z.array(enqueued) }),
      },
    },
    async handle({ body, raw, request, caller }) {
      const items = readItems(raw.get('tasks') ?? '[]').map(membersOf);
      const wishes = body.tasks.map((task, index) =>
        toWish(deployed, task, items[index] ?? new Map<string, string>(), `tasks.${index}.`),
      );
      const answers = await enqueueExecutions(deployed.engine, wishes, idempotencyOf(request, body));
      const tasks = answers.map((answer) => rawObject(answerMembers(deployed, request, { answer, caller })));
      return jsonAnswer(answers.some(({ created }) => created) ? 201 : 200, [['tasks', rawArray(tasks)]]);
    },
  });

/** The members of one item of a batch as they came; a key twice is as wrong there as at the top. */
function membersOf(item: string, index: number): ReadonlyMap<string, string> {
  const scanned = scanJson(item);
  if (scanned.problem) throw invalid(`tasks.${index}.${scanned.problem.path}`, 'This key is there twice.');
  return scanned.members ?? new Map<string, string>();
}

/** A wish of the body; input and metadata are taken as the text that came, so that nothing of them is lost. */
function toWish(
  { engine }: Deployed,
  body: z.output<typeof wish>,
  raw: ReadonlyMap<string, string>,
  place: string,
): Wish {
  const input = raw.get('input');
  if (input === undefined)
    throw invalid(`${place}input`, 'This is required; a task without any takes an empty object.');
  const task = engine.tasks.get(body.task);
  if (!task) throw invalid(`${place}task`, 'There is no task of this name.', 'unknown_task');
  return {
    task,
    place,
    request: {
      task: body.task,
      input,
      metadata: body.metadata ? raw.get('metadata') : undefined,
      queueName: body.queue_name ?? undefined,
      priority: body.priority ?? undefined,
      runAfter: body.run_after ? new Date(body.run_after) : undefined,
      delaySeconds: body.delay_seconds ?? undefined,
      timeoutSeconds: body.timeout_seconds ?? undefined,
      queueTimeoutSeconds: body.queue_timeout_seconds ?? undefined,
      maxAttempts: body.max_attempts ?? undefined,
      uniqueKey: body.unique_key ?? undefined,
    },
  };
}

function idempotencyOf(request: Request, body: unknown): Idempotency | null {
  const key = request.headers.get('idempotency-key');
  if (key === null) return null;
  if (!/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw invalid('Idempotency-Key', 'This must be 1 to 255 visible ASCII characters.');
  }
  return { key, request: canonicalText(body) };
}

/** A status token is only for the one who made the execution: another's, met by its unique key, comes without. */
function answerMembers(
  deployed: Deployed,
  request: Request,
  { answer: { execution, own }, caller }: { answer: EnqueueAnswer; caller: Caller },
): RawMember[] {
  return [
    ['task', taskObject(execution, viewOf(caller))],
    ['status_url', JSON.stringify(statusUrl(deployed, request, execution.id))],
    ['status_token', JSON.stringify(own ? statusToken(deployed, execution) : null)],
  ];
}

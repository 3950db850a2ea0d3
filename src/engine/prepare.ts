import type * as z from 'zod';
import { invalid } from '../core/errors.ts';
import { parseExact } from '../core/json-text.ts';
import { utf8Bytes } from '../core/json-value.ts';
import { limits } from '../core/limits.ts';
import { type AnyTask, formOf } from '../core/task.ts';
import type { NewExecution } from '../db/executions/enqueue.ts';
import type { Engine } from './engine.ts';

/** What an enqueue may say beside task and input; each is checked here, once, for every way of enqueuing. */
export interface EnqueueOptions {
  readonly queueName?: string | undefined;
  readonly priority?: number | undefined;
  readonly runAfter?: Date | undefined;
  readonly delaySeconds?: number | undefined;
  readonly timeoutSeconds?: number | undefined;
  readonly queueTimeoutSeconds?: number | undefined;
  readonly maxAttempts?: number | undefined;
  readonly uniqueKey?: string | undefined;
}

/** One wish: a task's name, its input and metadata as JSON text, and the options. */
export interface EnqueueRequest extends EnqueueOptions {
  readonly task: string;
  readonly input: string;
  readonly metadata?: string | undefined;
}

export type EnqueueSettings = Pick<Engine['settings'], 'queues' | 'maxAttempts' | 'queueTimeoutSeconds'>;

/** A wish made into a row, or an error that names the field as the API spells it. Nothing is stored. */
export async function prepareExecution(
  { task, request, place = '' }: { task: AnyTask; request: EnqueueRequest; place?: string },
  { settings, newId }: { settings: EnqueueSettings; newId: () => string },
): Promise<NewExecution> {
  const queue = request.queueName ?? task.queueName ?? settings.queues?.[0] ?? 'default';
  checkOptions(request, place);
  checkQueue(queue, settings.queues, `${place}queue_name`);
  checkMetadata(request.metadata, place);
  await checkInput(task, request.input, place);
  return {
    id: newId(),
    task: task.name,
    form: formOf(task),
    input: request.input,
    metadata: request.metadata ?? null,
    queue,
    priority: request.priority ?? task.priority ?? 0,
    maxAttempts: request.maxAttempts ?? task.retry?.maxAttempts ?? settings.maxAttempts,
    runAfter: request.runAfter ?? null,
    delaySeconds: request.delaySeconds ?? null,
    timeoutSeconds: request.timeoutSeconds ?? null,
    queueTimeoutSeconds: request.queueTimeoutSeconds ?? task.queueTimeoutSeconds ?? settings.queueTimeoutSeconds,
    uniqueKey: request.uniqueKey ?? null,
  };
}

const century = 100 * 366 * 86_400;

function checkOptions(request: EnqueueRequest, place: string): void {
  checkNumber(`${place}priority`, request.priority, { min: limits.priorityMin, max: limits.priorityMax, whole: true });
  checkNumber(`${place}max_attempts`, request.maxAttempts, { min: 1, max: limits.attemptsMax, whole: true });
  checkNumber(`${place}delay_seconds`, request.delaySeconds, { min: 0, max: century });
  checkNumber(`${place}timeout_seconds`, request.timeoutSeconds, { min: 0.001, max: century });
  checkNumber(`${place}queue_timeout_seconds`, request.queueTimeoutSeconds, { min: 0.001, max: century });
  if (request.runAfter && Number.isNaN(request.runAfter.getTime()))
    throw invalid(`${place}run_after`, 'This is not an instant.');
  if (request.runAfter && request.delaySeconds !== undefined) {
    throw invalid(`${place}delay_seconds`, 'Give run_after or delay_seconds, not both.');
  }
  checkUniqueKey(`${place}unique_key`, request.uniqueKey);
}

/** Refuses a number that is out of its bounds, or none; undefined is no word. */
export function checkNumber(
  field: string,
  value: number | undefined,
  { min, max, whole = false }: { min: number; max: number; whole?: boolean },
): void {
  if (value === undefined) return;
  if (whole && !Number.isInteger(value)) throw invalid(field, 'This must be a whole number.');
  if (!(value >= min && value <= max)) throw invalid(field, `This must be from ${min} to ${max}.`);
}

function checkUniqueKey(field: string, key: string | undefined): void {
  if (key === undefined) return;
  if (key.length < 1 || key.length > limits.uniqueKeyLength || key.includes('\0') || !key.isWellFormed()) {
    throw invalid(field, `This must be 1 to ${limits.uniqueKeyLength} characters of well-formed text.`);
  }
}

/** A filter and an enqueue alike: a queue that is not allowed is a mistake, not an empty queue. */
export function checkQueue(queue: string, allowed: readonly string[] | null, field = 'queue_name'): void {
  if (queue.length < 1 || queue.length > limits.nameLength || queue.includes('\0') || !queue.isWellFormed()) {
    throw invalid(field, `A queue's name has 1 to ${limits.nameLength} characters.`);
  }
  if (allowed && !allowed.includes(queue)) {
    throw invalid(field, 'This queue is not one of those that MOBULA_QUEUES allows.', 'unknown_queue');
  }
}

function checkMetadata(metadata: string | undefined, place: string): void {
  if (metadata === undefined) return;
  if (!metadata.startsWith('{')) throw invalid(`${place}metadata`, 'This must be an object.');
  if (utf8Bytes(metadata) > limits.metadataBytes)
    throw invalid(`${place}metadata`, `This must be at most ${limits.metadataBytes} bytes.`);
}

async function checkInput(task: AnyTask, text: string, place: string): Promise<void> {
  const issue = await inputProblem(task, text);
  if (issue) throw invalid([`${place}input`, ...issue.path.map(String)].join('.'), issue.message);
}

async function inputProblem(task: AnyTask, text: string): Promise<z.core.$ZodIssue | undefined> {
  const parsed = await parseInput(task, text);
  return parsed.success ? undefined : parsed.error.issues[0];
}

/**
 * An input as the task's schema sees it. Integers that a double cannot hold arrive as bigint where the schema lets them,
 * and rounded where it wants a number, so that neither kind of task meets a surprise.
 */
export async function parseInput(task: AnyTask, text: string): Promise<z.ZodSafeParseResult<unknown>> {
  const exact = await task.input.safeParseAsync(parseExact(text));
  return exact.success || !/\d{16}/.test(text) ? exact : task.input.safeParseAsync(JSON.parse(text));
}

import * as z from 'zod';
import { invalid, MobulaError } from '../src/core/errors.ts';
import { limits } from '../src/core/limits.ts';
import {
  announceUpload,
  type BeginAnswer,
  beat,
  begin,
  complete,
  type DrivenAttempt,
  type DrivenOutcome,
  takeUpload,
} from '../src/engine/drive.ts';
import type { Caller } from '../src/http/caller.ts';
import { answer, jsonAnswer, type RawMember } from '../src/http/json-answer.ts';
import { route } from '../src/http/route.ts';
import type { Deployed } from './deployed.ts';

const stale = { 409: { description: 'The attempt is not current; nothing was changed.' } };

/** The driver's first act: refused, it never touches user code. */
export const beginRoute = (deployed: Deployed) =>
  route({
    method: 'POST',
    path: '/attempts/:id/:attempt/begin',
    operationId: 'begin',
    scope: 'begin',
    summary: 'Begin this attempt.',
    body: z.object({ nonce: z.uuid() }),
    answers: { 200: { description: 'It may start; here is what it needs.' }, ...stale },
    async handle({ params, body: { nonce } }) {
      const attempt = Number(params.attempt);
      const begun = await begin(deployed.engine, { id: params.id, attempt, nonce });
      return jsonAnswer(200, await begunMembers(deployed, { id: params.id, attempt, nonce }, begun));
    },
  });

/** What a driver is told that may begin, with the capability for all that follows. */
export async function begunMembers(
  { settings, tokens }: Deployed,
  { id, attempt, nonce }: { readonly id: string; readonly attempt: number; readonly nonce: string },
  begun: BeginAnswer,
): Promise<RawMember[]> {
  const capability = tokens?.mint({ use: 'attempt', id, attempt, nonce, task: begun.task });
  return [
    ['capability', JSON.stringify(capability)],
    ['id', JSON.stringify(id)],
    ['attempt', JSON.stringify(attempt)],
    ['task', JSON.stringify(begun.task)],
    ['callable', JSON.stringify(begun.callable)],
    ['input', begun.input],
    ['heartbeat_seconds', JSON.stringify(settings.MOBULA_WORKER_HEARTBEAT_SECONDS)],
    ['silence_seconds', JSON.stringify(settings.MOBULA_STUCK_TASK_TIMEOUT_SECONDS)],
    ['timeout_seconds', JSON.stringify(begun.timeoutSeconds)],
    ['inline_bytes', JSON.stringify(settings.MOBULA_MAX_RESULT_SIZE_BYTES)],
  ];
}

/** The driver is alive. */
export const beatRoute = (deployed: Deployed) =>
  route({
    method: 'POST',
    path: '/attempts/:id/:attempt/beat',
    operationId: 'beat',
    scope: 'attempt',
    summary: 'Say that this attempt is alive, perhaps with progress.',
    body: z.object({ progress: z.unknown().optional() }),
    answers: {
      200: { description: 'Noted; `cancel` asks it to end.', schema: z.object({ cancel: z.boolean() }) },
      ...stale,
    },
    async handle({ caller, raw }) {
      return answer(200, await beat(deployed.engine, { ...drivenBy(caller), progress: raw.get('progress') ?? null }));
    },
  });

const digest = { sha256: z.string().regex(/^[0-9a-f]{64}$/), bytes: z.int().min(1) };
const failure = z.object({
  type: z.string().min(1).max(limits.nameLength),
  message: z.string(),
  traceback: z.string().nullish(),
  types: z.array(z.string()).max(1_000).nullish(),
  retryable: z.boolean().nullish(),
});

/** How the attempt ended: a value, where a value was put, a failure, or that it obeyed a cancel. */
export const outcome = z.object({
  outcome: z.enum(['succeeded', 'failed', 'cancelled']),
  result: z.unknown().optional(),
  stored: z.object(digest).optional(),
  digest_only: z.object({ ...digest, reason: z.string().max(limits.errorMessageCharacters) }).optional(),
  error: failure.optional(),
});

/** The driver's last word; the same again is answered the same. */
export const completeRoute = (deployed: Deployed) =>
  route({
    method: 'POST',
    path: '/attempts/:id/:attempt/complete',
    operationId: 'complete',
    scope: 'attempt',
    summary: 'Say how this attempt ended.',
    bodyBytesMax: deployed.settings.MOBULA_MAX_RESULT_SIZE_BYTES + 1_048_576,
    body: outcome,
    answers: { 200: { description: 'Recorded, now or before.' }, ...stale },
    async handle({ caller, body, raw }) {
      return answer(200, await complete(deployed.engine, drivenBy(caller), toOutcome(body, raw)));
    },
  });

/** The outcome that a body says; its value is the text that came. */
export function toOutcome(body: z.output<typeof outcome>, raw: ReadonlyMap<string, string>): DrivenOutcome {
  if (body.outcome === 'cancelled') return { kind: 'cancelled' };
  if (body.outcome === 'failed') {
    if (!body.error) throw invalid('error', 'A failed outcome says its error.');
    const { type, message, traceback, types, retryable } = body.error;
    const names = types ?? undefined;
    return {
      kind: 'failed',
      failure: { type, message, names, traceback: traceback ?? undefined, retryable: retryable ?? undefined },
    };
  }
  if (body.stored) return { kind: 'stored', digest: body.stored };
  if (body.digest_only) return { kind: 'digest_only', digest: body.digest_only, reason: body.digest_only.reason };
  const value = raw.get('result');
  if (value === undefined) throw invalid('result', 'A succeeded outcome has result, stored or digest_only.');
  return { kind: 'value', value };
}

/** Announces a value too large for a row and learns where to put it. */
export const uploadRoute = (deployed: Deployed) =>
  route({
    method: 'POST',
    path: '/attempts/:id/:attempt/upload',
    operationId: 'announceUpload',
    scope: 'attempt',
    summary: 'Ask where to put a large value.',
    body: z.object(digest),
    answers: {
      200: { description: 'Where and how to put it; `upload` is null where no store keeps values.' },
      ...stale,
    },
    async handle({ caller, body, request, params }) {
      const announced = await announceUpload(deployed.engine, drivenBy(caller), body);
      const { upload } = announced;
      if (upload === null || upload.url !== null) return answer(200, announced);
      const { publicUrl } = deployed.engine.settings;
      const url = `${publicUrl}/attempts/${params.id}/${params.attempt}/upload?sha256=${body.sha256}&bytes=${body.bytes}`;
      const authorization = request.headers.get('authorization');
      return answer(200, { upload: { ...upload, url, headers: { ...upload.headers, authorization } } });
    },
  });

/** Takes the bytes of an announced value, for stores that have no address of their own. */
export const putUploadRoute = (deployed: Deployed) =>
  route({
    method: 'PUT',
    path: '/attempts/:id/:attempt/upload',
    operationId: 'putUpload',
    scope: 'attempt',
    summary: 'Put an announced value.',
    query: z.object(digest),
    rawBody: true,
    bodyBytesMax: 'unbounded',
    answers: { 204: { description: 'Stored.' }, ...stale },
    async handle({ query, request, caller }) {
      const driven = drivenBy(caller);
      const stream = request.body;
      const taken = stream !== null && (await takeUpload(deployed.engine, driven, { digest: query, stream }));
      if (!taken) throw invalid('sha256', 'The bytes are not those that were announced.');
      return new Response(null, { status: 204 });
    },
  });

/** The attempt that a capability speaks for; the mount has compared it with the path. */
function drivenBy(caller: Caller): DrivenAttempt {
  if (caller.kind !== 'attempt' || caller.nonce === null || caller.task === null) {
    throw new MobulaError('forbidden', 'This capability is good for begin alone.');
  }
  return { id: caller.executionId, attempt: caller.attempt, nonce: caller.nonce, task: caller.task };
}

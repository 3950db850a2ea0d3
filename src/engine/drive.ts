import type { AttemptState, Failure, StoredValue } from '../core/attempt.ts';
import { executionNotFound, invalid, MobulaError } from '../core/errors.ts';
import { isExecutionId } from '../core/ids.ts';
import { utf8Bytes } from '../core/json-value.ts';
import { limits } from '../core/limits.ts';
import { messageOf } from '../core/observe.ts';
import type { Digest, SignedUpload } from '../core/result-store.ts';
import { type Beat, beatAttempt } from '../db/executions/beat.ts';
import { type Begun, beginAttempt } from '../db/executions/begin.ts';
import { findDrivenState } from '../db/executions/find-attempts.ts';
import type { Finish } from '../db/executions/finish.ts';
import { isRegistered, registerObject } from '../db/result-objects.ts';
import { endAttempts } from './end-attempts.ts';
import type { Engine } from './engine.ts';
import { type AttemptRef, cancelled, failed, succeeded } from './finish.ts';
import { digestOnly, keepValue, patiently } from './keep-value.ts';

/** A driver's attempt: what its capability says, checked before. */
export interface DrivenAttempt {
  readonly id: string;
  readonly attempt: number;
  readonly task: string;
  readonly nonce: string;
}

/** What a driver gets to start with. `input` is JSON text. */
export interface BeginAnswer {
  readonly task: string;
  readonly callable: string;
  readonly input: string;
  readonly timeoutSeconds: number | null;
}

const stale = () => new MobulaError('attempt_stale', 'This attempt is not current; nothing was changed.');

/** The first check of a begun attempt: young ones soon. */
export const firstCheckSeconds = 5;

/** The driver's first act. Refused with `attempt_stale`, it must not touch user code. */
export async function begin(engine: Engine, { id, attempt, nonce }: Omit<DrivenAttempt, 'task'>): Promise<BeginAnswer> {
  if (!isExecutionId(id)) throw executionNotFound();
  const begun = await beginAttempt(engine.db, { id, attempt, nonce, checkSeconds: firstCheckSeconds });
  const answer = begun && toBeginAnswer(engine, begun);
  if (!answer) throw stale();
  return answer;
}

/** What a driver is told of an attempt that has begun; null where this deployment has no such task. */
export function toBeginAnswer({ tasks, settings }: Engine, begun: Begun): BeginAnswer | null {
  const task = tasks.get(begun.task);
  if (!task?.ray) return null;
  const timeoutSeconds = begun.timeoutSeconds ?? task.timeoutSeconds ?? settings.taskTimeoutSeconds;
  return { task: task.name, callable: task.ray.callable, input: begun.input, timeoutSeconds };
}

/** The driver is alive; the answer asks it to end where the execution is being cancelled. */
export async function beat(engine: Engine, beat: Beat): Promise<{ readonly cancel: boolean }> {
  if (beat.progress !== null && utf8Bytes(beat.progress) > limits.progressBytes) {
    throw invalid('progress', `This must be at most ${limits.progressBytes} bytes.`);
  }
  const answer = await beatAttempt(engine.db, beat);
  if (!answer) throw stale();
  return answer;
}

/** How a driver says that its attempt ended; `value` is JSON text. */
export type DrivenOutcome =
  | { readonly kind: 'value'; readonly value: string }
  | { readonly kind: 'stored'; readonly digest: Digest }
  | { readonly kind: 'digest_only'; readonly digest: Digest; readonly reason: string }
  | { readonly kind: 'failed'; readonly failure: Failure }
  | { readonly kind: 'cancelled' };

/** Takes an outcome in, once: the same driver may ask again and learns the same, everybody else is stale. */
export async function complete(
  engine: Engine,
  driven: DrivenAttempt,
  outcome: DrivenOutcome,
): Promise<{ readonly state: AttemptState }> {
  // The store is not for a stale driver, and may have lost since what an early one put there.
  const before = needsStore(engine, outcome) ? await stateOrStale(engine, driven) : 'RUNNING';
  if (before !== 'RUNNING') return { state: before };
  const [finished] = await endAttempts(engine, [await toFinish(engine, driven, outcome)]);
  if (!finished) return { state: await stateOrStale(engine, driven) };
  return { state: finished.state === 'QUEUED' ? 'FAILED' : (finished.state as AttemptState) };
}

/** Whether an outcome is kept by reference, and not in the row. */
export const needsStore = ({ settings }: Engine, outcome: DrivenOutcome): boolean =>
  outcome.kind === 'stored' ||
  outcome.kind === 'digest_only' ||
  (outcome.kind === 'value' && utf8Bytes(outcome.value) > settings.inlineBytes);

async function stateOrStale({ db }: Engine, driven: DrivenAttempt): Promise<AttemptState> {
  const state = await findDrivenState(db, driven);
  if (!state) throw stale();
  return state;
}

async function refuseUnlessCurrent(engine: Engine, driven: DrivenAttempt): Promise<void> {
  if ((await findDrivenState(engine.db, driven)) !== 'RUNNING') throw stale();
}

async function toFinish(engine: Engine, driven: DrivenAttempt, outcome: DrivenOutcome): Promise<Finish> {
  const ref: AttemptRef = { ...driven, epoch: null };
  switch (outcome.kind) {
    case 'value':
      return succeeded(ref, await keepValue(engine, outcome.value));
    case 'stored':
      return succeeded(ref, await keepUpload(engine, outcome.digest));
    case 'digest_only':
      return succeeded(ref, await keepAfterAll(engine, outcome.digest, outcome.reason));
    case 'failed':
      return failed(engine, ref, outcome.failure);
    case 'cancelled':
      return cancelled(ref);
  }
}

/**
 * Believes an upload only if it was announced and is there with this length. Of one that the store cannot be asked about,
 * the digest is kept: a store that is away costs the value, not the task.
 */
async function keepUpload(engine: Engine, digest: Digest): Promise<StoredValue> {
  const reference = engine.store.reference(digest);
  const absent = () => invalid('stored', 'There is no upload of this digest and length.');
  if (!(await isRegistered(engine.db, reference))) throw absent();
  const seen = await patiently(() => engine.store.has(digest)).catch(messageOf);
  if (seen === false) throw absent();
  return seen === true ? { state: 'stored', reference, ...digest } : digestOnly(engine, digest, seen);
}

/** The driver could not put the value, but it may be there: another attempt's, or its own whose answer was lost. */
async function keepAfterAll(engine: Engine, digest: Digest, reason: string): Promise<StoredValue> {
  const reference = engine.store.reference(digest);
  const isThere = (await isRegistered(engine.db, reference)) && (await engine.store.has(digest).catch(() => false));
  return isThere ? { state: 'stored', reference, ...digest } : digestOnly(engine, digest, reason);
}

/** Where a value may be put, or why it may not. */
export type UploadAnswer = { readonly upload: SignedUpload } | { readonly upload: null; readonly reason: string };

/** Announces a value that is too large for a row, and says where it may be put: a store that cannot say costs the value. */
export async function announceUpload(engine: Engine, driven: DrivenAttempt, digest: Digest): Promise<UploadAnswer> {
  await refuseUnlessCurrent(engine, driven);
  if (!engine.store.keepsValues) return { upload: null, reason: 'No result store is configured.' };
  if (!(await registerObject(engine.db, { ...digest, reference: engine.store.reference(digest) }))) {
    throw new MobulaError('store_unavailable', 'The same value is being removed; ask again.', { retryAfterSeconds: 1 });
  }
  try {
    const upload = await patiently(() => engine.store.signUpload(digest));
    return upload ? { upload } : { upload: null, reason: 'The result store takes no uploads.' };
  } catch (error) {
    return { upload: null, reason: messageOf(error) };
  }
}

/** Keeps an announced value as it streams in. False: it was not what was announced, and nothing of it was kept. */
export async function takeUpload(
  engine: Engine,
  driven: DrivenAttempt,
  { digest, stream }: { digest: Digest; stream: ReadableStream<Uint8Array> },
): Promise<boolean> {
  await refuseUnlessCurrent(engine, driven);
  if (!(await isRegistered(engine.db, engine.store.reference(digest)))) throw stale();
  return engine.store.putStream(digest, stream);
}

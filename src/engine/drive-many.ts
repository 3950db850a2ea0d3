import type { AttemptState } from '../core/attempt.ts';
import { isExecutionId } from '../core/ids.ts';
import { utf8Bytes } from '../core/json-value.ts';
import { limits } from '../core/limits.ts';
import type { Beat } from '../db/executions/beat.ts';
import { beatAttempts } from '../db/executions/beat-many.ts';
import { type BeginAsked, beginAttempts } from '../db/executions/begin-many.ts';
import { findEndedStates } from '../db/executions/find-attempts.ts';
import type { Finish } from '../db/executions/finish.ts';
import { type BeginAnswer, type DrivenAttempt, type DrivenOutcome, firstCheckSeconds, toBeginAnswer } from './drive.ts';
import { endAttempts } from './end-attempts.ts';
import type { Engine } from './engine.ts';
import { cancelled, failed, released, succeeded } from './finish.ts';

/** What one of many attempts that want to begin is told. `later` had no room in this answer, and has not begun. */
export type ManyBegun = BeginAnswer | 'stale' | 'later';

/** Begins many attempts in one statement, each by its own right; answers in the order asked. */
export async function beginMany(engine: Engine, asked: readonly BeginAsked[]): Promise<ManyBegun[]> {
  const known = asked.filter(({ id }) => isExecutionId(id));
  const bounds = { checkSeconds: firstCheckSeconds, inputBytesMax: limits.beginBytes };
  const told = known.length > 0 ? await beginAttempts(engine.db, known, bounds) : [];
  const answers = new Map(known.map((each, index) => [each, told[index]]));
  return asked.map((each) => {
    const answer = answers.get(each);
    if (answer?.kind === 'begun') return toBeginAnswer(engine, answer.begun) ?? 'stale';
    return answer?.kind ?? 'stale';
  });
}

/** Notes many beats in one statement; `too_large` is progress that is not taken, null an attempt that is over. */
export async function beatMany(
  engine: Engine,
  beats: readonly Beat[],
): Promise<({ readonly cancel: boolean } | 'too_large' | null)[]> {
  const fits = ({ progress }: Beat) => progress === null || utf8Bytes(progress) <= limits.progressBytes;
  const fitting = beats.filter(fits);
  const answers = fitting.length > 0 ? await beatAttempts(engine.db, fitting) : [];
  const byBeat = new Map(fitting.map((beat, index) => [beat, answers[index] ?? null]));
  return beats.map((beat) => (fits(beat) ? (byBeat.get(beat) ?? null) : 'too_large'));
}

/** `released`: handed back by a driver that had begun it and has not called user code. */
export type ManyOutcome = Exclude<DrivenOutcome, { kind: 'stored' | 'digest_only' }> | { readonly kind: 'released' };

/** Takes in many outcomes in one statement; answers how each was recorded, null for a stale driver. Values fit a row. */
export async function completeMany(
  engine: Engine,
  outcomes: readonly (readonly [DrivenAttempt, ManyOutcome])[],
): Promise<(AttemptState | null)[]> {
  const finished = await endAttempts(
    engine,
    outcomes.map(([driven, outcome]) => toFinish(engine, driven, outcome)),
  );
  const states = new Map(finished.map(({ id, state }) => [id, state]));
  const rest = outcomes.map(([driven]) => driven).filter(({ id }) => !states.has(id));
  const ended = await findEndedStates(engine.db, rest);
  return outcomes.map(([{ id }, { kind }]) => {
    const state = states.get(id);
    if (state === undefined) return ended.get(id) ?? null;
    if (state === 'QUEUED') return kind === 'released' ? 'RELEASED' : 'FAILED';
    return state as AttemptState;
  });
}

function toFinish(engine: Engine, driven: DrivenAttempt, outcome: ManyOutcome): Finish {
  const ref = { ...driven, epoch: null };
  switch (outcome.kind) {
    case 'value':
      return succeeded(ref, { state: 'inline', value: outcome.value });
    case 'failed':
      return failed(engine, ref, outcome.failure);
    case 'cancelled':
      return cancelled(ref);
    case 'released':
      return released(ref);
  }
}

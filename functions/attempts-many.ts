import * as z from 'zod';
import { limits } from '../src/core/limits.ts';
import { mapBounded } from '../src/core/map-bounded.ts';
import { complete, type DrivenAttempt, needsStore } from '../src/engine/drive.ts';
import { beatMany, beginMany, completeMany, type ManyOutcome } from '../src/engine/drive-many.ts';
import { route } from '../src/http/route.ts';
import {
  type Answered,
  forbidden,
  membersOf,
  ok,
  problem,
  proveAll,
  rawMany,
  refusal,
  refuseTwice,
  stale,
} from './attempt-items.ts';
import { begunMembers, outcome, toOutcome } from './attempts.ts';
import type { Deployed } from './deployed.ts';

const one = { id: z.string(), attempt: z.int(), capability: z.string() };
const many = <Shape extends z.core.$ZodLooseShape>(shape: Shape) =>
  z.object({
    attempts: z
      .array(z.strictObject({ ...one, ...shape }))
      .min(1)
      .max(limits.attemptsPerCall),
  });
const told = z.looseObject({ status: z.int(), code: z.string().optional() });
const answers = {
  200: {
    description: 'What each is told, in the order asked: its own status, and what the route for one attempt answers.',
    schema: z.object({ attempts: z.array(told) }),
  },
};

/** Begins many attempts in one statement. */
export const beginManyRoute = (deployed: Deployed) =>
  route({
    method: 'POST',
    path: '/attempts/begin',
    operationId: 'beginMany',
    scope: 'attempts',
    summary: 'Begin many attempts, each by its own capability.',
    body: many({ nonce: z.uuid() }),
    answers,
    async handle({ body: { attempts } }) {
      refuseTwice(attempts);
      const proven = proveAll(deployed, attempts, 'begin');
      const asked = attempts.filter((_, index) => proven[index]);
      const begun = new Map((await beginMany(deployed.engine, asked)).map((answer, index) => [asked[index], answer]));
      return rawMany(
        await Promise.all(
          attempts.map(async (attempt) => {
            const answer = begun.get(attempt);
            if (answer === undefined) return forbidden;
            if (answer === 'stale') return stale;
            if (answer === 'later') return problem(503, 'later');
            return ok(await begunMembers(deployed, attempt, answer));
          }),
        ),
      );
    },
  });

/** Notes in one statement that many attempts live. */
export const beatManyRoute = (deployed: Deployed) =>
  route({
    method: 'POST',
    path: '/attempts/beat',
    operationId: 'beatMany',
    scope: 'attempts',
    summary: 'Say that many attempts are alive.',
    bodyBytesMax: limits.attemptsPerCall * (limits.progressBytes + 4_096),
    body: many({ progress: z.unknown().optional() }),
    answers,
    async handle({ body: { attempts }, raw }) {
      refuseTwice(attempts);
      const texts = membersOf(raw);
      const proven = proveAll(deployed, attempts, 'attempt');
      const beats = proven.flatMap((driven, index) =>
        driven ? [{ ...driven, index, progress: texts[index]?.get('progress') ?? null }] : [],
      );
      const answered = new Map(
        (await beatMany(deployed.engine, beats)).map((answer, at) => [beats[at]?.index, answer]),
      );
      return rawMany(
        attempts.map((_, index) => {
          const answer = answered.get(index);
          if (answer === undefined) return forbidden;
          if (answer === null) return stale;
          return answer === 'too_large' ? problem(422, 'invalid_request') : ok([['cancel', String(answer.cancel)]]);
        }),
      );
    },
  });

const manyOutcome = { ...outcome.shape, outcome: z.enum([...outcome.shape.outcome.options, 'released']) };

/** Takes in many outcomes: one statement for all whose value fits a row. */
export const completeManyRoute = (deployed: Deployed) =>
  route({
    method: 'POST',
    path: '/attempts/complete',
    operationId: 'completeMany',
    scope: 'attempts',
    summary: 'Say how many attempts ended; `released` hands one back that has begun and was not started.',
    bodyBytesMax: deployed.settings.MOBULA_MAX_RESULT_SIZE_BYTES + 4_194_304,
    body: many(manyOutcome),
    answers,
    async handle({ body: { attempts }, raw }) {
      refuseTwice(attempts);
      const texts = membersOf(raw);
      const proven = proveAll(deployed, attempts, 'attempt');
      const words = attempts.map((attempt, index) =>
        wordOf(deployed, { attempt, driven: proven[index] ?? null, raw: texts[index] }),
      );
      const together = words.flatMap((word, index) => (word.kind === 'together' ? [{ index, pair: word.pair }] : []));
      const states = await completeMany(
        deployed.engine,
        together.map(({ pair }) => pair),
      );
      const recorded = new Map(together.map(({ index }, at) => [index, states[at] ?? null]));
      return rawMany(
        await mapBounded([...words.entries()], limits.storeCallsAtOnce, async ([index, word]) => {
          if (word.kind === 'answer') return word.answer;
          if (word.kind === 'alone') return settled(word.complete);
          const state = recorded.get(index);
          return state ? ok([['state', JSON.stringify(state)]]) : stale;
        }),
      );
    },
  });

interface Completing {
  readonly attempt: z.output<z.ZodObject<typeof manyOutcome>>;
  readonly driven: DrivenAttempt | null;
  readonly raw: ReadonlyMap<string, string> | undefined;
}

type Word =
  | { readonly kind: 'answer'; readonly answer: Answered }
  | { readonly kind: 'together'; readonly pair: readonly [DrivenAttempt, ManyOutcome] }
  | { readonly kind: 'alone'; readonly complete: () => Promise<{ readonly state: string }> };

/** How one outcome is taken in: with the others, alone because the store has a part in it, or not at all. */
function wordOf({ engine }: Deployed, { attempt, driven, raw = new Map() }: Completing): Word {
  if (!driven) return { kind: 'answer', answer: forbidden };
  if (attempt.outcome === 'released') return { kind: 'together', pair: [driven, { kind: 'released' }] };
  try {
    const said = toOutcome({ ...attempt, outcome: attempt.outcome }, raw);
    if (needsStore(engine, said)) return { kind: 'alone', complete: () => complete(engine, driven, said) };
    return { kind: 'together', pair: [driven, said as ManyOutcome] };
  } catch (error) {
    return { kind: 'answer', answer: refusal(error) };
  }
}

async function settled(completing: () => Promise<{ readonly state: string }>): Promise<Answered> {
  try {
    return ok([['state', JSON.stringify((await completing()).state)]]);
  } catch (error) {
    return refusal(error);
  }
}

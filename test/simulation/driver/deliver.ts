import { announceUpload, complete, type DrivenOutcome } from '../../../src/engine/drive.ts';
import type { Engine } from '../../../src/engine/engine.ts';
import { digestOf } from '../app/simulated-store.ts';
import { kill, never } from '../clockwork/process.ts';
import { sleep } from '../clockwork/virtual-time.ts';
import { mayCancel } from '../plan/meddling.ts';
import { obligationsOf } from '../windows/obligations.ts';
import type { Driven, DriverOutcome } from './driven.ts';
import { endGroup } from './guard.ts';
import { type Answer, backoff, insist, isOk, post, Unreachable } from './wire.ts';

const patienceSeconds = 60;
const uploadTries = 3;

/** As `deliver.py`: reports the outcome, patiently, and answers the code to exit with. */
export async function deliver(driven: Driven, outcome: DriverOutcome): Promise<number> {
  try {
    const said = await toSaid(driven, outcome);
    const answer = await tell(driven, said);
    if (isOk(answer)) return outcome.kind === 'failed' ? 1 : 0;
    if ([400, 413, 422].includes(answer.status) && said.kind === 'stored') {
      const digest = { kind: 'digest_only', digest: said.digest, reason: 'The store has not kept it.' } as const;
      return isOk(await tell(driven, digest)) ? 0 : 1;
    }
    return answer.status === 409 ? 0 : 1;
  } catch (error) {
    if (error instanceof Unreachable) return 1;
    throw error;
  }
}

async function tell(driven: Driven, outcome: DrivenOutcome) {
  const { world, id, attempt, nonce, task } = driven;
  const inFlight = world.outcomesInFlight;
  inFlight.set(id, attempt);
  mayCancel(world, id, world.weather.cancelAtOutcome);
  const work = (engine: Engine) => {
    if ((world.latestAttempt.get(id) ?? 0) > attempt) world.hit('W17b');
    return complete(engine, { id, attempt, nonce, task }, outcome);
  };
  if (world.dice.chance(world.weather.driverSaysLastWords)) await sayLastWords(driven, work);
  const answer = await fenced(driven, 'complete', work);
  inFlight.delete(id);
  if (answer.value) {
    obligationsOf(driven.process).hasStored = false;
    obligationsOf(driven.process).hasWritten = true;
    if (outcome.kind === 'value' && answer.value.state === 'CANCELLED') world.hit('W18b');
    world.ledger.completions.push({ id, attempt, state: answer.value.state, step: world.scheduler.step() });
  }
  return answer;
}

/** The outcome leaves the process, which dies at once, and is on its way for long. */
async function sayLastWords(
  { world, process, id }: Driven,
  work: (engine: Engine) => Promise<unknown>,
): Promise<never> {
  const { graceSeconds, backoff: wait } = world.plan.settings;
  const { dice } = world;
  // About as long as it takes to call the attempt lost and to claim the next one, or no time at all.
  const untilNextMs = (graceSeconds + wait.baseSeconds + 12) * 1_000;
  const delayMs = dice.pick([0, untilNextMs, untilNextMs, untilNextMs * 2]);
  const afterMs = delayMs + dice.between(0, 15_000);
  world.app.serve({ verb: 'complete', about: id, afterMs }, work, () => undefined);
  kill(process, 'after its last words');
  return never();
}

/** Asks insistently, and never once the fence is down. */
function fenced<T>(driven: Driven, verb: string, work: (engine: Engine) => Promise<T>): Promise<Answer<T>> {
  const { world, id, fence } = driven;
  const once = async () => {
    if (fence.leftMs() <= 0) await endGroup(driven, 'no beat was accepted for too long');
    return post(world, verb, id, work);
  };
  return insist(world, once, Math.max(patienceSeconds, world.plan.settings.stuckSeconds));
}

async function toSaid(driven: Driven, outcome: DriverOutcome): Promise<DrivenOutcome> {
  if (outcome.kind === 'cancelled') return { kind: 'cancelled' };
  if (outcome.kind === 'failed') return { kind: 'failed', failure: { type: outcome.type, message: outcome.message } };
  if (outcome.text.length <= driven.world.plan.settings.inlineBytes) return { kind: 'value', value: outcome.text };
  return byReference(driven, outcome.text);
}

async function byReference(driven: Driven, text: string): Promise<DrivenOutcome> {
  const { world, id, attempt, nonce, task } = driven;
  const digest = digestOf(text);
  const answer = await fenced(driven, 'upload', (engine) =>
    announceUpload(engine, { id, attempt, nonce, task }, digest),
  );
  if (!answer.value?.upload) return { kind: 'digest_only', digest, reason: 'The upload was refused.' };
  for (let failures = 1; failures <= uploadTries; failures += 1) {
    if (await world.store.upload(digest, text)) return { kind: 'stored', digest };
    if (failures < uploadTries) await sleep(backoff(world, failures));
  }
  return { kind: 'digest_only', digest, reason: 'The store was out of reach.' };
}

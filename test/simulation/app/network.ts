import { MobulaError } from '../../../src/core/errors.ts';
import type { Engine } from '../../../src/engine/engine.ts';
import { statusOfCode } from '../../../src/http/problem.ts';
import { isCutOff, type Process } from '../clockwork/process.ts';
import type { World } from '../world.ts';

/** What became of a call to the app, as its caller sees it. */
export type Reply<T> =
  | { readonly kind: 'answered'; readonly status: number; readonly retryAfterSeconds: number; readonly value: T | null }
  | { readonly kind: 'broken' };

export interface Asking {
  readonly verb: string;
  /** The execution it is about. */
  readonly about: string | null;
  /** The driver that asks; null for a client, who never dies. */
  readonly from: Process | null;
  readonly patienceSeconds: number;
}

/** Asks the app over a network that loses questions, loses answers, and delivers some of them much later. */
export function ask<T>(world: World, asking: Asking, work: (engine: Engine) => Promise<T>): Promise<Reply<T>> {
  const { dice, scheduler, weather, plan } = world;
  const { verb, about, from, patienceSeconds } = asking;
  const lost =
    from !== null && isCutOff(from)
      ? 'question'
      : dice.chance(weather.callLost)
        ? dice.pick(['question', 'answer'])
        : null;
  const latencyMs = () =>
    dice.chance(weather.callSlow) ? dice.between(50, plan.settings.stuckSeconds * 1_500) : dice.between(1, 30);
  const outMs = latencyMs();
  const isNoticed = dice.chance(0.5);
  return new Promise((resolve) => {
    scheduler.after(patienceSeconds * 1_000, () => resolve({ kind: 'broken' }), from);
    const breakOff = () => isNoticed && scheduler.after(dice.between(1, 500), () => resolve({ kind: 'broken' }), from);
    if (lost === 'question') return void breakOff();
    world.app.serve({ verb, about, afterMs: outMs }, work, (outcome) => {
      if (lost === 'answer') breakOff();
      else scheduler.after(latencyMs(), () => resolve(toReply(outcome)), from);
    });
  });
}

/** How a call ended inside the app; `broken` where its instance died. */
export type Outcome<T> =
  | { readonly kind: 'value'; readonly value: T }
  | { readonly kind: 'error'; readonly error: unknown }
  | { readonly kind: 'broken' };

/** As the door words it. */
function toReply<T>(outcome: Outcome<T>): Reply<T> {
  if (outcome.kind === 'broken') return outcome;
  if (outcome.kind === 'value') return { kind: 'answered', status: 200, retryAfterSeconds: 0, value: outcome.value };
  const { error } = outcome;
  const status = error instanceof MobulaError ? statusOfCode[error.code] : 500;
  const retryAfterSeconds = error instanceof MobulaError ? (error.detail.retryAfterSeconds ?? 0) : 0;
  return { kind: 'answered', status, retryAfterSeconds, value: null };
}

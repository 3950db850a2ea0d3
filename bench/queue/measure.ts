import type { Section } from '../section.ts';
import { type ChurnPlan, measureChurn } from './churn.ts';
import { type ClaimPlan, measureClaim } from './claim.ts';
import { measureCost } from './cost.ts';
import { measureDrain } from './drain.ts';
import { type EnqueuePlan, measureEnqueue } from './enqueue.ts';
import { measurePickup } from './pickup.ts';
import { type Name, openStage, programs } from './stage.ts';

interface Plan {
  readonly drain: { readonly count: number; readonly rounds: number };
  readonly enqueue: EnqueuePlan;
  readonly pickup: { readonly count: number };
  readonly claim: ClaimPlan;
  readonly cost: { readonly count: number };
  readonly churn: ChurnPlan;
}

const usual: Plan = {
  drain: { count: 50_000, rounds: 7 },
  enqueue: { many: 50_000, one: 5_000, rounds: 5 },
  pickup: { count: 100 },
  claim: { sizes: [10_000, 100_000, 1_000_000], inFront: 1_000_000 },
  cost: { count: 20_000 },
  churn: { seconds: 60, count: 20_000 },
};

const full: Plan = {
  ...usual,
  claim: { ...usual.claim, sizes: [...usual.claim.sizes, 10_000_000] },
  churn: { seconds: 600, count: 20_000 },
};

const quick: Plan = {
  drain: { count: 2_000, rounds: 1 },
  enqueue: { many: 4_000, one: 200, rounds: 1 },
  pickup: { count: 5 },
  claim: { sizes: [10_000, 20_000], inFront: 10_000 },
  cost: { count: 2_000 },
  churn: { seconds: 3, count: 2_000 },
};

/** The queue beside its peers, all over one Postgres: quickly to see that it works, or fully with ten million rows. */
export async function* measure({ quick: isQuick = false, full: isFull = false } = {}): AsyncGenerator<Section> {
  const plan = isQuick ? quick : isFull ? full : usual;
  await using stage = await openStage(Object.keys(programs) as Name[]);
  yield await measureDrain(stage, plan.drain);
  yield* await measureEnqueue(stage, plan.enqueue);
  yield await measurePickup(stage, plan.pickup);
  yield await measureClaim(stage, plan.claim);
  yield await measureCost(stage, plan.cost);
  yield* await measureChurn(stage, plan.churn);
}

import type { Section } from '../section.ts';
import { type ChurnPlan, measureChurn } from './churn.ts';
import { type ClaimPlan, measureClaim } from './claim.ts';
import { measureCost } from './cost.ts';
import { measureDrain } from './drain.ts';
import { type EnqueuePlan, measureEnqueue } from './enqueue.ts';
import { measurePickup } from './pickup.ts';
import { consumers, type Name, openStage, programs } from './stage.ts';

interface Plan {
  readonly drain: { readonly count: number; readonly rounds: number };
  readonly enqueue: EnqueuePlan;
  readonly pickup: { readonly count: number };
  readonly claim: ClaimPlan;
  readonly cost: { readonly count: number };
}

const usual: Plan = {
  drain: { count: 50_000, rounds: 7 },
  enqueue: { many: 50_000, one: 5_000, rounds: 5 },
  pickup: { count: 100 },
  claim: { sizes: [10_000, 100_000, 1_000_000], inFront: 1_000_000 },
  cost: { count: 20_000 },
};

const full: Plan = {
  ...usual,
  claim: { ...usual.claim, sizes: [...usual.claim.sizes, 10_000_000] },
};

const quick: Plan = {
  drain: { count: 2_000, rounds: 1 },
  enqueue: { many: 4_000, one: 200, rounds: 1 },
  pickup: { count: 5 },
  claim: { sizes: [10_000, 20_000], inFront: 10_000 },
  cost: { count: 2_000 },
};

const churns = {
  usual: { seconds: 60, heldSeconds: 60, count: 20_000 },
  full: { seconds: 3_600, heldSeconds: 600, count: 20_000 },
  quick: { seconds: 3, heldSeconds: 3, count: 2_000 },
} satisfies Record<string, ChurnPlan>;

interface Extent {
  readonly quick?: boolean;
  readonly full?: boolean;
}

/** The queue beside its peers, all over one Postgres: quickly to see that it works, or fully with ten million rows. */
export async function* measure({ quick: isQuick, full: isFull }: Extent): AsyncGenerator<Section> {
  const plan = isQuick ? quick : isFull ? full : usual;
  await using stage = await openStage(Object.keys(programs) as Name[]);
  yield await measureDrain(stage, plan.drain);
  yield* await measureEnqueue(stage, plan.enqueue);
  yield await measurePickup(stage, plan.pickup);
  yield await measureClaim(stage, plan.claim);
  yield await measureCost(stage, plan.cost);
}

/** What steady work leaves behind, and how each fares then: for a minute, or for an hour. */
export async function measureLongRun({ quick: isQuick, full: isFull }: Extent): Promise<Section[]> {
  await using stage = await openStage([...consumers]);
  return await measureChurn(stage, isQuick ? churns.quick : isFull ? churns.full : churns.usual);
}

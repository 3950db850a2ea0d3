import { findLeftovers } from './afterlife.ts';
import { startClients } from './clients.ts';
import { installVirtualTime } from './clockwork/virtual-time.ts';
import { startCron } from './cron.ts';
import type { SimulatedDatabase } from './database/database.ts';
import { readRecord } from './database/record.ts';
import { findBreaches } from './invariants/all.ts';
import { epochMs, makeWorld } from './make-world.ts';
import type { Mutation } from './mutations/mutation.ts';
import { startEpisodes } from './plan/episodes.ts';
import { makePlan } from './plan/plan.ts';
import { calmWeather } from './plan/weather.ts';
import { lateWindows } from './windows/late-windows.ts';
import type { WindowCounts } from './windows/windows.ts';
import type { World } from './world.ts';

export interface SimulationOptions {
  readonly database: SimulatedDatabase;
  readonly seed: number;
  readonly mutation?: Mutation | null;
}

export interface Simulated {
  readonly seed: number;
  /** Each broken promise, in words; none is what a run is for. */
  readonly breaches: readonly string[];
  /** How often each window was met. */
  readonly hits: WindowCounts;
  /** All that happened, a line for each thing; the same for the same seed. */
  readonly trace: readonly string[];
}

/** Long after every timeout of every plan has passed. */
const quietSecondsMax = 4_000;

/** Goes through the plan of a seed: a storm of faults, then good weather until all is final. Then it judges what happened. */
export async function simulate({ database, seed, mutation = null }: SimulationOptions): Promise<Simulated> {
  installVirtualTime();
  await database.empty();
  const { world, hits, lines } = makeWorld(makePlan(seed), database, mutation);
  const { scheduler, plan } = world;
  startClients(world);
  startEpisodes(world);
  startCron(world);
  const stormEndMs = epochMs + plan.stormSeconds * 1_000;
  await scheduler.run(() => scheduler.nowMs() >= stormEndMs);
  calm(world);
  await scheduler.run(() => world.isAtRest || scheduler.nowMs() >= stormEndMs + quietSecondsMax * 1_000);
  const breaches = await judge(world, database);
  return { seed, breaches, hits, trace: lines };
}

/** Nothing goes wrong any more; what has, stays so. */
function calm(world: World): void {
  world.isCalm = true;
  world.calmSinceMs = world.scheduler.nowMs();
  world.weather = calmWeather;
  world.ongoing.clear();
  world.trace('the storm is over');
}

async function judge(world: World, database: SimulatedDatabase): Promise<string[]> {
  await world.statements.settle();
  const record = await readRecord(world, database);
  for (const name of lateWindows(world, record)) world.hit(name);
  const breaches = findBreaches(world, record);
  const leftovers = world.isAtRest ? await findLeftovers(world, database) : [];
  return [...world.ledger.breaches, ...breaches, ...leftovers.map((left) => `nothingIsLeft: ${left}`)];
}

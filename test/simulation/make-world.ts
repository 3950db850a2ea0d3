import { makeApp } from './app/app.ts';
import { makeStore } from './app/simulated-store.ts';
import { type Dice, diceOf } from './clockwork/dice.ts';
import { currentCall, type Process } from './clockwork/process.ts';
import { makeScheduler } from './clockwork/scheduler.ts';
import type { SimulatedDatabase } from './database/database.ts';
import { overlapStatements } from './database/overlapping-statements.ts';
import { emptyLedger } from './ledger.ts';
import type { Mutation } from './mutations/mutation.ts';
import type { Plan } from './plan/plan.ts';
import { makeRay } from './ray/simulated-ray.ts';
import { noHits, type WindowCounts } from './windows/windows.ts';
import type { World } from './world.ts';

/** When every run begins. */
export const epochMs = Date.UTC(2030, 0, 1);

export interface MadeWorld {
  readonly world: World;
  readonly hits: WindowCounts;
  readonly lines: readonly string[];
}

/** Puts a world together for one run: everything new but the database, which is empty. */
export function makeWorld(plan: Plan, database: SimulatedDatabase, mutation: Mutation | null): MadeWorld {
  const scheduler = makeScheduler(epochMs);
  const ledger = emptyLedger();
  const hits = noHits();
  const lines: string[] = [];
  const trace = (line: string) => void lines.push(`${((scheduler.nowMs() - epochMs) / 1_000).toFixed(3)} ${line}`);
  let calls = 0;
  const world: Omit<World, 'store' | 'ray' | 'app'> = {
    plan,
    dice: diceOf(plan.seed, 'run'),
    scheduler,
    statements: overlapStatements(database, scheduler),
    ledger,
    mutation,
    weather: plan.weather,
    ongoing: new Map(),
    latestAttempt: new Map(),
    outcomesInFlight: new Map(),
    senders: new Map(),
    unreadable: [],
    busyClients: 0,
    isAtRest: false,
    isCalm: false,
    calmSinceMs: Number.POSITIVE_INFINITY,
    hit: (name) => {
      hits[name] += 1;
    },
    trace,
    nextCall: () => ++calls,
    breach: (what) => {
      trace(`BREACH ${what}`);
      ledger.breaches.push(what);
    },
    ...clocks(diceOf(plan.seed, 'ids'), scheduler.nowMs),
  };
  const whole = world as World;
  const parts = { store: makeStore(whole), ray: makeRay(whole), app: makeApp(whole) };
  return { world: Object.assign(world, parts), hits, lines };
}

const skewMsMax = 7_200_000;

/** The clocks of instances disagree by hours, and ids are made by them. */
function clocks(dice: Dice, nowMs: () => number): Pick<World, 'skewMs' | 'newId'> {
  const skews = new Map<Process, number>();
  const skewMs = (process: Process) => {
    const known = skews.get(process) ?? Math.round(dice.between(-skewMsMax, skewMsMax));
    skews.set(process, known);
    return known;
  };
  const newId = () => {
    const time = (nowMs() + skewMs(currentCall()!.process)).toString(16).padStart(12, '0');
    return `${time.slice(0, 8)}-${time.slice(8)}-7${dice.uuid().slice(15)}`;
  };
  return { skewMs, newId };
}

import type { App } from './app/app.ts';
import type { SimulatedStore } from './app/simulated-store.ts';
import type { Dice } from './clockwork/dice.ts';
import type { Process } from './clockwork/process.ts';
import type { Scheduler } from './clockwork/scheduler.ts';
import type { Statements } from './database/overlapping-statements.ts';
import type { Ledger } from './ledger.ts';
import type { Mutation } from './mutations/mutation.ts';
import type { EpisodeKind, Plan } from './plan/plan.ts';
import type { Weather } from './plan/weather.ts';
import type { SimulatedRay } from './ray/simulated-ray.ts';
import type { WindowName } from './windows/windows.ts';

/** Everything that takes part in one run. */
export interface World {
  readonly plan: Plan;
  readonly dice: Dice;
  readonly scheduler: Scheduler;
  readonly statements: Statements;
  readonly ledger: Ledger;
  readonly app: App;
  readonly ray: SimulatedRay;
  readonly store: SimulatedStore;
  /** What is deliberately wrong with the product in this run. */
  readonly mutation: Mutation | null;
  /** How wrong the clock of a process is, within two hours: ids are made by it, and nothing else. */
  skewMs(process: Process): number;
  /** How often things go wrong now. */
  weather: Weather;
  /** What is wrong now, for a while. */
  readonly ongoing: Map<EpisodeKind, number>;
  /** The attempt that was last claimed, by execution. */
  readonly latestAttempt: Map<string, number>;
  /** The attempt whose driver is about to report, by execution. */
  readonly outcomesInFlight: Map<string, number>;
  /** Reads that found nothing, of executions whose enqueue was acknowledged. */
  readonly unreadable: { readonly id: string; readonly step: number }[];
  /** Faults are over; everything must come to an end now. */
  isCalm: boolean;
  calmSinceMs: number;
  /** Clients who have not got what they want, and not given up. */
  busyClients: number;
  /** Everything has. */
  isAtRest: boolean;
  /** Who has submitted a job. */
  readonly senders: Map<string, Set<Process>>;
  hit(window: WindowName): void;
  trace(line: string): void;
  newId(): string;
  nextCall(): number;
  /** Notes that a promise was broken. */
  breach(what: string): void;
}

export const isOngoing = ({ ongoing }: World, kind: EpisodeKind): boolean => (ongoing.get(kind) ?? 0) > 0;

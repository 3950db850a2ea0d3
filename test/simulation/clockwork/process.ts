import { AsyncLocalStorage } from 'node:async_hooks';
import type { World } from '../world.ts';

export interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

/** Something that can die or freeze as a whole: an instance of the app, or a driver. */
export interface Process {
  readonly world: World;
  readonly kind: 'app' | 'driver';
  readonly name: string;
  readonly bornAtMs: number;
  diedAtMs: number | null;
  /** Nothing of it runs before. Its clocks go on meanwhile, as those of a stopped process do. */
  frozenUntilMs: number;
  readonly freezes: Span[];
  /** An instance cannot reach the database before, a driver not the app. */
  cutOffUntilMs: number;
  readonly onDeath: (() => void)[];
}

/** One thing that a process does for somebody: what is running, wherever the code is, is known by it. */
export interface Call {
  readonly process: Process;
  readonly verb: string;
  readonly number: number;
}

const calls = new AsyncLocalStorage<Call>();

/** The call on whose behalf the code runs that asks; undefined in the simulation's own code. */
export const currentCall = (): Call | undefined => calls.getStore();

/** Does something as part of a call. */
export const within = <T>(call: Call, work: () => T): T => calls.run(call, work);

/** A promise that is never kept: what a process that is dead waits for. */
export const never = (): Promise<never> => new Promise(() => undefined);

/** Whether a process cannot reach what it needs now. */
export const isCutOff = ({ cutOffUntilMs, world }: Process): boolean =>
  !world.isCalm && cutOffUntilMs > world.scheduler.nowMs();

/** Starts a process. */
export function spawn(world: World, kind: Process['kind'], name: string): Process {
  world.trace(`${name} is born`);
  return {
    world,
    kind,
    name,
    bornAtMs: world.scheduler.nowMs(),
    diedAtMs: null,
    frozenUntilMs: 0,
    freezes: [],
    cutOffUntilMs: 0,
    onDeath: [],
  };
}

/** Ends a process at once, wherever it stands: nothing of it runs any more. Safe to repeat. */
export function kill(process: Process, why: string): void {
  if (process.diedAtMs !== null) return;
  process.diedAtMs = process.world.scheduler.nowMs();
  process.world.trace(`${process.name} dies: ${why}`);
  for (const listener of process.onDeath.splice(0)) listener();
}

/** Stops a process for a while, as SIGSTOP and a serverless platform do. */
export function freeze(process: Process, forMs: number): void {
  if (process.diedAtMs !== null) return;
  const fromMs = process.world.scheduler.nowMs();
  const toMs = Math.max(process.frozenUntilMs, Math.round(fromMs + forMs));
  process.frozenUntilMs = toMs;
  process.freezes.push({ fromMs, toMs });
  process.world.trace(`${process.name} freezes for ${Math.round(forMs)} ms`);
}

import { MobulaError } from '../../../src/core/errors.ts';
import type { Engine } from '../../../src/engine/engine.ts';
import { type Call, freeze, kill, type Process, spawn, within } from '../clockwork/process.ts';
import { leaveToOthers, obligationsOf } from '../windows/obligations.ts';
import type { World } from '../world.ts';
import type { Outcome } from './network.ts';
import { makeSimulatedEngine } from './simulated-engine.ts';

/** What a call is for. */
export interface Serving {
  readonly verb: string;
  /** How long the question is on its way. */
  readonly afterMs: number;
  /** The execution it is about. */
  readonly about: string | null;
}

/** The app as its platform runs it: instances that come, serve some calls, and go without notice. */
export interface App {
  /** Has an instance do a call, whose question is on its way for so long, and tells how it ended. */
  serve<T>(serving: Serving, work: (engine: Engine) => Promise<T>, answered: (outcome: Outcome<T>) => void): void;
  /** Whether no call is under way, nor on its way. */
  isIdle(): boolean;
}

interface Instance {
  readonly process: Process;
  readonly engine: Engine;
  readonly closing: AbortController;
  calls: number;
}

/** A platform kills what it has asked to end after so long. */
const closeMs = 10_000;

export function makeApp(world: World): App {
  const { dice, scheduler, ledger } = world;
  const instances: Instance[] = [];
  const openCalls = new Map<string, number>();
  let births = 0;
  let onTheirWay = 0;
  let ranAtMs = scheduler.nowMs();

  function startInstance(): Instance {
    const process = spawn(world, 'app', `app ${++births}`);
    const closing = new AbortController();
    const instance = { process, closing, engine: makeSimulatedEngine(world, process, closing.signal), calls: 0 };
    instances.push(instance);
    process.onDeath.push(() => {
      instances.splice(instances.indexOf(instance), 1);
      leaveToOthers(process);
    });
    return instance;
  }

  /** Some calls meet an instance that is there already, and share its fate with what it does. */
  function anInstance(): Instance {
    const warm = instances.filter(({ closing }) => !closing.signal.aborted);
    return warm.length > 0 && dice.chance(0.4) ? dice.pick(warm) : startInstance();
  }

  /** Freezes and endings that come from the platform, at a time of their own. */
  function plague(instance: Instance, call: Call): void {
    const { weather, plan } = world;
    const soonMs = () => dice.between(0, dice.pick([100, 1_000, 10_000]));
    if (dice.chance(weather.appFreezes)) {
      scheduler.after(soonMs(), () => freeze(instance.process, plan.settings.leaseSeconds * dice.between(100, 2_500)));
    }
    if (dice.chance(weather.appCutOff)) {
      const forMs = plan.settings.leaseSeconds * dice.between(500, 3_000);
      scheduler.after(soonMs(), () => {
        instance.process.cutOffUntilMs = scheduler.nowMs() + forMs;
        world.trace(`${instance.process.name} cannot reach the database for ${Math.round(forMs)} ms`);
      });
    }
    if (!dice.chance(weather.appCloses)) return;
    scheduler.after(soonMs(), () => {
      within(call, () => instance.closing.abort());
      scheduler.after(closeMs, () => kill(instance.process, 'the platform has asked it to end'));
    });
  }

  function noteRun(): void {
    if ((openCalls.get('run') ?? 0) > 0) world.hit('W20');
    const isLongAgo = scheduler.nowMs() - ranAtMs > 2_000 * world.plan.settings.leaseSeconds;
    if (isLongAgo && world.ray.inFlight() > 0) world.hit('W7');
    ranAtMs = scheduler.nowMs();
  }

  function start<T>(
    { verb, about }: Serving,
    work: (engine: Engine) => Promise<T>,
    answered: (outcome: Outcome<T>) => void,
  ) {
    const instance = anInstance();
    const { process, engine } = instance;
    const call: Call = { process, verb, number: world.nextCall() };
    const span = { call, about, fromStep: scheduler.step(), toStep: Number.POSITIVE_INFINITY };
    ledger.calls.push(span);
    if (verb === 'run') noteRun();
    openCalls.set(verb, (openCalls.get(verb) ?? 0) + 1);
    instance.calls += 1;
    world.trace(`${process.name} serves ${verb}${about ? ` of ${about.slice(-4)}` : ''}`);
    plague(instance, call);

    let isOver = false;
    const end = (outcome: Outcome<T>) => {
      if (isOver) return;
      isOver = true;
      span.toStep = scheduler.step();
      openCalls.set(verb, (openCalls.get(verb) ?? 1) - 1);
      instance.calls -= 1;
      if (instance.calls === 0 && process.diedAtMs === null) leaveToOthers(process);
      noteOutcome(world, call, outcome);
      answered(outcome);
    };
    process.onDeath.push(() => {
      if (!isOver && ['run', 'enqueue'].includes(verb) && !obligationsOf(process).hasWritten) world.hit('W0');
      end({ kind: 'broken' });
    });
    within(call, () => work(engine)).then(
      (value) => end({ kind: 'value', value }),
      (error: unknown) => end({ kind: 'error', error }),
    );
  }

  return {
    serve(serving, work, answered) {
      onTheirWay += 1;
      scheduler.after(serving.afterMs, () => {
        onTheirWay -= 1;
        start(serving, work, answered);
      });
    },
    isIdle: () => onTheirWay === 0 && [...openCalls.values()].every((count) => count === 0),
  };
}

/** An error that is none of ours is a bug, wherever it ends. */
function noteOutcome<T>(world: World, call: Call, outcome: Outcome<T>): void {
  if (outcome.kind === 'broken') return;
  const said = outcome.kind === 'value' ? 'done' : outcome.error instanceof MobulaError ? outcome.error.code : 'a bug';
  world.trace(`${call.process.name} ends ${call.verb}: ${said}`);
  if (outcome.kind === 'error' && !(outcome.error instanceof MobulaError)) {
    world.breach(`${call.verb} threw ${String((outcome.error as Error)?.stack ?? outcome.error)}`);
  }
}

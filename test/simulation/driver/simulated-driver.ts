import { freeze, kill, never, type Process, spawn, within } from '../clockwork/process.ts';
import { runCode } from '../plan/user-code.ts';
import type { InLine } from '../ray/job-line.ts';
import { leaveToOthers, obligationsOf } from '../windows/obligations.ts';
import type { World } from '../world.ts';
import { beats, sendBeat } from './beats.ts';
import { beginAttempt, type Start } from './begin.ts';
import { deliver } from './deliver.ts';
import { type Driven, type DriverOutcome, tellToStop, terminated } from './driven.ts';
import { guard } from './guard.ts';

export interface StartedDriver {
  readonly process: Process;
  /** SIGTERM. */
  readonly terminate: () => void;
}

/** Null is an end by a signal. */
export type OnExit = (code: number | null) => void;

/** Starts a driver as `python -m mobula_driver` does: with an address and a right to begin, and no input. */
export function startDriver(world: World, { id, attempt }: InLine, onExit: OnExit): StartedDriver {
  const process = spawn(world, 'driver', `driver ${id.slice(-4)}-a${attempt}`);
  const control: Control = { exitCode: null, driven: null };
  process.onDeath.push(() => {
    noteDeath(control, process);
    onExit(control.exitCode);
  });
  plague(world, process);
  const call = { process, verb: 'driver', number: world.nextCall() };
  const leave = (code: number) => {
    control.exitCode = code;
    kill(process, `it leaves with ${code}`);
    return never();
  };
  const drives = () => drive(world, { process, id, attempt, leave }, control);
  const story = () =>
    within(call, drives).catch((error) => world.breach(`${process.name} threw ${String(error?.stack ?? error)}`));
  world.scheduler.after(world.dice.between(50, 400), () => void story(), process);
  return { process, terminate: () => within(call, () => control.driven && tellToStop(control.driven)) };
}

interface Control {
  exitCode: number | null;
  /** Null until it has begun. */
  driven: Driven | null;
}

/** Dies or freezes at a time of its own. */
function plague({ dice, scheduler, weather, plan }: World, process: Process): void {
  const soon = () => dice.between(0, dice.pick([1_000, 5_000, 30_000]));
  if (dice.chance(weather.driverDies)) scheduler.after(soon(), () => kill(process, 'SIGKILL'));
  if (dice.chance(weather.driverFreezes)) {
    scheduler.after(soon(), () => freeze(process, plan.settings.stuckSeconds * dice.between(200, 2_500)));
  }
}

function noteDeath({ driven, exitCode }: Control, process: Process): void {
  const { world } = process;
  const isRunning = world.ledger.codeRuns.some((run) => run.process === process && run.toMs === null);
  if (isRunning) world.hit('W9');
  if (driven && exitCode === 0 && !driven.hasReturned) world.hit('W11b');
  if (driven && exitCode !== 0 && obligationsOf(process).hasWritten) world.hit('W11a');
  leaveToOthers(process);
}

/** As `drive.py`: the attempt as a story. */
async function drive(world: World, start: Start, control: Control): Promise<never> {
  const driven = await beginAttempt(world, start);
  control.driven = driven;
  void beats(driven);
  void guard(driven, start.leave);
  const outcome = await runUserCode(driven, start);
  if (driven.hasDecided) return never(); // The guard was first, and ends this process when its outcome is out.
  driven.hasDecided = true;
  driven.hasReturned = true;
  if (driven.stopAtMs === null && driven.progress !== null) await sendBeat(driven);
  const code = await deliver(driven, driven.cancelledAtMs === null ? outcome : { kind: 'cancelled' });
  return start.leave(code);
}

async function runUserCode(driven: Driven, { leave }: Start): Promise<DriverOutcome> {
  const { world, id, attempt, behaviour, stop } = driven;
  const { dice, weather, scheduler } = world;
  // User code may leave the process by itself, as if all were well.
  if (dice.chance(weather.driverEndsSilently)) {
    const leaves = () => void (driven.hasReturned || leave(0));
    scheduler.after(dice.between(0, behaviour.seconds * 1_000), leaves, driven.process);
  }
  const progress = (value: unknown) => {
    driven.progress = JSON.stringify(value);
  };
  try {
    const value = await runCode(behaviour, { id, attempt, signal: stop.signal, progress });
    return { kind: 'succeeded', text: JSON.stringify(value) };
  } catch (error) {
    if (driven.stopAtMs !== null) return terminated;
    return { kind: 'failed', type: 'ValueError', message: (error as Error).message };
  }
}

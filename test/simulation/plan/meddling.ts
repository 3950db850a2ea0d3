import { cancel } from '../../../src/engine/cancel.ts';
import { remove } from '../../../src/engine/purge.ts';
import { ask } from '../app/network.ts';
import type { World } from '../world.ts';

const patienceSeconds = 15;
/** Close enough for either to be first. */
const momentMs = 40;

/** Somebody may cancel this execution about now. */
export function mayCancel(world: World, id: string, probability: number): void {
  if (!world.dice.chance(probability)) return;
  const asking = { verb: 'cancel', about: id, from: null, patienceSeconds };
  world.scheduler.after(world.dice.between(0, momentMs), () => void ask(world, asking, (engine) => cancel(engine, id)));
}

/** Somebody may purge this execution as soon as it has ended. */
export function mayPurge(world: World, id: string): void {
  if (!world.dice.chance(world.weather.purgeAtEnd)) return;
  const asking = { verb: 'remove', about: id, from: null, patienceSeconds };
  world.scheduler.after(world.dice.between(0, momentMs), () => void ask(world, asking, (engine) => remove(engine, id)));
}

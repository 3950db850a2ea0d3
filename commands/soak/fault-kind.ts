import { setTimeout as sleep } from 'node:timers/promises';
import type { FaultProxy } from '../../test/support/fault-proxy.ts';
import type { Dice } from './dice.ts';
import type { Parts } from './parts.ts';
import type { Witness } from './witness.ts';

/** What an injector works with. */
export interface Scene {
  readonly parts: Parts;
  readonly dice: Dice;
  readonly witness: Witness;
  /** Servers whose code may overlap what follows, which contract §2 says. */
  readonly frozen: Set<number>;
}

export interface FaultKind {
  readonly name: string;
  /** Whose attempts it can cost: those in the servers, or those on the cluster that have begun. */
  readonly hits: 'inline' | 'ray';
  /** How long what it hit may take to be taken over when it is over, by contract §2. */
  readonly boundSeconds: number;
  /** Harms, and returns when the fault is over. False: there was nothing to harm. */
  strike(scene: Scene): Promise<boolean>;
}

/** A strike that always finds something to harm. */
export const always =
  (strike: (scene: Scene) => Promise<unknown>): FaultKind['strike'] =>
  async (scene) => {
    await strike(scene);
    return true;
  };

/** Harms a network for so long. */
export async function during(proxy: FaultProxy, harm: (proxy: FaultProxy) => void, forSeconds: number): Promise<void> {
  harm(proxy);
  await sleep(forSeconds * 1_000);
  proxy.heal();
}

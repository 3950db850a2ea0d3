import type { Process } from '../clockwork/process.ts';

/** What a process has begun and nobody knows of yet: should it die now, others have to find out. */
export interface Obligations {
  /** Claimed for Ray, and not sent. */
  readonly unsent: Set<string>;
  /** Taken by Ray, and not noted in the row. */
  readonly unrecorded: Set<string>;
  /** An object was stored, and the attempt's end was not. */
  hasStored: boolean;
  /** Something was written at all. */
  hasWritten: boolean;
}

const all = new WeakMap<Process, Obligations>();

/** Those of a process. */
export function obligationsOf(process: Process): Obligations {
  const known = all.get(process) ?? {
    unsent: new Set(),
    unrecorded: new Set(),
    hasStored: false,
    hasWritten: false,
  };
  all.set(process, known);
  return known;
}

/** Counts what a process leaves to others, and forgets it. */
export function leaveToOthers(process: Process): void {
  const { unsent, unrecorded, hasStored } = obligationsOf(process);
  const { hit } = process.world;
  for (const _ of unsent) hit('W4');
  for (const _ of unrecorded) hit('W6');
  if (hasStored) hit('W10');
  all.delete(process);
}

import type { SimulatedDatabase } from '../database/database.ts';
import { simulate } from '../simulate.ts';
import type { Mutation } from './mutation.ts';

export interface Tried {
  readonly name: string;
  /** The first seed whose run tells; null where none did. */
  readonly seed: number | null;
  /** What it told. */
  readonly breach: string;
}

/** Runs seed after seed with a mutation until one tells, at most `seedsMax`. */
export async function tryMutation(database: SimulatedDatabase, mutation: Mutation, seedsMax: number): Promise<Tried> {
  for (let seed = 1; seed <= seedsMax; seed += 1) {
    const { breaches } = await simulate({ database, seed, mutation });
    if (breaches[0] !== undefined) return { name: mutation.name, seed, breach: breaches[0] };
  }
  return { name: mutation.name, seed: null, breach: '' };
}

import { median, quantile, shuffled } from '../rounds.ts';
import type { Section } from '../section.ts';
import type { Entrant, Name } from './stage.ts';

/** What each contestant reached in each round, by its name: the rounds of all are in one order. */
export type Race = ReadonlyMap<Name, readonly number[]>;

/** All take turns, in another order in each round; a round before the first is not counted. */
export async function race(
  entrants: readonly Entrant[],
  rounds: number,
  measure: (entrant: Entrant) => Promise<number>,
): Promise<Race> {
  const found = new Map<Name, number[]>(entrants.map(({ name }) => [name, []]));
  for (const entrant of entrants) await measure(entrant);
  for (let round = 0; round < rounds; round += 1) {
    for (const entrant of shuffled(entrants)) found.get(entrant.name)?.push(await measure(entrant));
  }
  return found;
}

/** The median of the rounds' own ratios, so that a slow minute of the machine is in both halves of a ratio. */
export const ratio = (race: Race, one: Name, other: Name): number =>
  median((race.get(one) ?? []).map((value, round) => value / (race.get(other)?.[round] ?? Number.NaN)));

export const grouped = (value: number): string => Math.round(value).toLocaleString('en');

export interface Yardsticks {
  /** What nobody can be faster than. */
  readonly ceiling: Name;
  /** The one whose ratios by the others are told. */
  readonly ours: Name;
  /** What ours should be by another one's rate. */
  readonly goals: Partial<Record<Name, number>>;
}

export const rateColumns = ({ ceiling, ours }: Yardsticks): Section['columns'] => [
  'contestant',
  'per second',
  'quartiles',
  `of ${ceiling}`,
  `${ours} by it`,
  'goal',
  'met',
];

/** A race of rates, one row for each contestant. */
export const rateRows = (race: Race, { ceiling, ours, goals }: Yardsticks): string[][] =>
  [...race].map(([name, rates]) => {
    const goal = goals[name];
    const byIt = ratio(race, ours, name);
    return [
      name,
      grouped(median(rates)),
      `${grouped(quantile(rates, 0.25))}–${grouped(quantile(rates, 0.75))}`,
      ratio(race, name, ceiling).toFixed(2),
      name === ours ? '' : byIt.toFixed(2),
      goal === undefined ? '' : goal.toFixed(2),
      goal === undefined ? '' : yesOrNo(byIt >= goal),
    ];
  });

export const yesOrNo = (is: boolean): string => (is ? 'yes' : 'no');

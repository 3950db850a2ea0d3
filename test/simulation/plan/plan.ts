import type { EngineSettings } from '../../../src/engine/engine.ts';
import { type Dice, diceOf } from '../clockwork/dice.ts';
import { rollSettings } from './roll-settings.ts';
import { type Theme, themes } from './themes.ts';
import type { Behaviour } from './user-code.ts';
import { rollWeather, type Weather } from './weather.ts';

/** What one run is to go through, all of it decided before it begins. */
export interface Plan {
  readonly seed: number;
  readonly theme: string;
  readonly settings: EngineSettings;
  readonly hasStore: boolean;
  readonly weather: Weather;
  /** How long faults happen; after it they stop, and everything must come to an end. */
  readonly stormSeconds: number;
  readonly cronSeconds: number;
  /** The seconds that a run may take: one of these. */
  readonly budgets: readonly number[];
  readonly wishes: readonly Wish[];
  readonly orders: readonly Order[];
  readonly episodes: readonly Episode[];
}

/** One enqueue by a client that insists until it is answered. */
export interface Wish {
  readonly atSeconds: number;
  readonly task: TaskName;
  readonly behaviour: Behaviour;
  readonly priority: number;
  readonly delaySeconds: number | undefined;
  readonly timeoutSeconds: number | undefined;
  readonly maxAttempts: number | undefined;
  readonly uniqueKey: string | undefined;
  readonly idempotencyKey: string | undefined;
}

export const taskNames = ['inline', 'ray', 'ray_idempotent', 'both', 'both_idempotent'] as const;
export type TaskName = (typeof taskNames)[number];

const rolledTasks: readonly TaskName[] = [...taskNames, 'inline', 'ray'];

/** Something that a person or another program asks for, of the wish of that number where it is about one. */
export interface Order {
  readonly atSeconds: number;
  readonly kind: 'run' | 'run_one' | 'execute' | 'cancel' | 'retry' | 'reset' | 'remove' | 'purge' | 'status';
  readonly wish: number;
}

/** Something that is wrong for a while. */
export interface Episode {
  readonly atSeconds: number;
  readonly seconds: number;
  readonly kind: EpisodeKind;
}

export const episodeKinds = [
  'ray_unreachable',
  'ray_denies',
  'ray_store_away',
  'ray_forgets',
  'ray_restarts_durably',
  'ray_is_full',
  'cron_silent',
  'database_away',
  'drivers_cut_off',
] as const;
export type EpisodeKind = (typeof episodeKinds)[number];

/** The plan of a seed: the same for ever, as long as this file stays as it is. */
export function makePlan(seed: number): Plan {
  const dice = diceOf(seed, 'plan');
  const stormSeconds = dice.whole(45, 75);
  const theme = themes[seed % themes.length]!;
  const settings = { ...rollSettings(dice), ...theme.settings };
  const wishes = Array.from({ length: theme.outlivesSilence ? dice.whole(3, 5) : dice.whole(5, 12) }, (_, number) =>
    rollWish(dice, { number, stormSeconds, theme, settings }),
  );
  const disasterSeconds = dice.between(stormSeconds * 0.1, stormSeconds * 0.4);
  return {
    seed,
    settings,
    hasStore: dice.chance(0.85),
    theme: theme.name,
    weather: { ...rollWeather(dice), ...theme.weather },
    stormSeconds,
    cronSeconds: dice.pick([3, 4, 5]),
    budgets: theme.budgets ?? [2, 8, 20, 60],
    wishes,
    orders: Array.from({ length: dice.whole(2, 8) }, () => rollOrder(dice, stormSeconds, wishes.length)),
    episodes: [
      ...Array.from({ length: dice.pick([0, 0, 1, 2]) }, () => rollEpisode(dice, stormSeconds)),
      ...(theme.disaster?.(dice, disasterSeconds, settings) ?? []),
    ],
  };
}

interface Frame {
  readonly number: number;
  readonly stormSeconds: number;
  readonly theme: Theme;
  readonly settings: EngineSettings;
}

function rollWish(dice: Dice, { number, stormSeconds, theme, settings }: Frame): Wish {
  const isKeyed = dice.chance(0.5);
  return {
    atSeconds: dice.between(0, theme.arrivesTogether ? 0.5 : stormSeconds * 0.4),
    task: dice.pick(theme.tasks ?? rolledTasks),
    behaviour: rollBehaviour(dice, theme, settings),
    priority: dice.pick([0, 0, 0, 5, -5]),
    delaySeconds: dice.chance(theme.arrivesTogether ? 0 : 0.2) ? dice.whole(1, 8) : undefined,
    timeoutSeconds: !theme.outlivesSilence && dice.chance(0.25) ? dice.pick([0.5, 3, 8]) : undefined,
    maxAttempts: dice.chance(0.3) ? dice.whole(1, 4) : undefined,
    uniqueKey: dice.chance(0.25) ? dice.pick(['a', 'b']) : undefined,
    idempotencyKey: isKeyed ? `key-${dice.chance(0.9) ? number : 'of-several'}` : undefined,
  };
}

function rollBehaviour(dice: Dice, theme: Theme, { stuckSeconds }: EngineSettings): Behaviour {
  const long = theme.hasLongCode ? [stuckSeconds * 0.7, stuckSeconds, stuckSeconds * 2] : [];
  return {
    seconds: theme.outlivesSilence
      ? stuckSeconds * 3
      : dice.pick([0, 0.1, 0.5, 2, 5, 12, ...long]) * dice.between(0.5, 1.5),
    failures: dice.pick([0, 0, 0, 0, 1, 2, 9]),
    isDeaf: dice.chance(0.15),
    reports: dice.chance(0.3),
    bytes: theme.hasLargeValues ? 3_000 : dice.pick([20, 3_000]),
    isShared: dice.chance(0.4),
  };
}

const orderKinds: readonly Order['kind'][] = [
  'run',
  'run',
  'run_one',
  'execute',
  'execute',
  'cancel',
  'cancel',
  'cancel',
  'retry',
  'reset',
  'remove',
  'purge',
  'status',
  'status',
];

const rollOrder = (dice: Dice, stormSeconds: number, wishes: number): Order => ({
  atSeconds: dice.between(0, stormSeconds),
  kind: dice.pick(orderKinds),
  wish: dice.whole(0, wishes - 1),
});

/** What is soon over, and what needs many tries to meet anything, come more often. */
const rolledKinds: readonly EpisodeKind[] = [
  ...episodeKinds,
  'ray_forgets',
  'ray_forgets',
  'ray_forgets',
  'cron_silent',
];

const rollEpisode = (dice: Dice, stormSeconds: number): Episode => ({
  atSeconds: dice.between(stormSeconds * 0.1, stormSeconds * 0.9),
  seconds: dice.pick([3, 8, 15, 40]) + dice.between(0, 3),
  kind: dice.pick(rolledKinds),
});

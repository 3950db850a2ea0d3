import type { EngineSettings } from '../../../src/engine/engine.ts';
import type { Dice } from '../clockwork/dice.ts';
import type { Episode, TaskName } from './plan.ts';
import type { Weather } from './weather.ts';

/** What a run is mostly about: some windows are so narrow that chance alone would seldom lead into them. */
export interface Theme {
  readonly name: string;
  /** Weather that is worse than it was rolled. */
  readonly weather?: Partial<Weather>;
  /** Code that runs longer than leases and silences. */
  readonly hasLongCode?: boolean;
  /** No code but such that is still at work when its driver is called silent. */
  readonly outlivesSilence?: boolean;
  /** Of these tasks alone. */
  readonly tasks?: readonly TaskName[];
  /** Values that go into the store. */
  readonly hasLargeValues?: boolean;
  readonly settings?: Partial<EngineSettings>;
  /** All executions are enqueued at about the same time. */
  readonly arrivesTogether?: boolean;
  /** The seconds that a run may take. */
  readonly budgets?: readonly number[];
  /** What goes wrong as a whole, some time after the beginning. */
  readonly disaster?: (dice: Dice, atSeconds: number, settings: EngineSettings) => readonly Episode[];
}

/** Drivers that the app cannot hear, of a cluster that has another trouble at the same time. */
const cutOffWhile =
  (kind: Episode['kind']): NonNullable<Theme['disaster']> =>
  (dice, atSeconds, { stuckSeconds }) => {
    const seconds = stuckSeconds * dice.between(1, 1.6);
    return [
      { atSeconds, seconds: seconds * 2, kind: 'drivers_cut_off' },
      { atSeconds: atSeconds + dice.between(0, 5), seconds, kind },
    ];
  };

const lateOutcomes: Theme = {
  name: 'late outcomes',
  tasks: ['ray', 'ray_idempotent', 'both'],
  settings: {
    runner: 'ray_job',
    concurrency: 6,
    graceSeconds: 2,
    maxAttempts: 5,
    backoff: { baseSeconds: 1, jitter: 1 },
  },
  weather: {
    driverSaysLastWords: 1,
    driverDies: 0,
    driverFreezes: 0,
    driverEndsSilently: 0,
    diesAfterStoring: 0,
    jobStartsLate: 0,
    rayCallTrouble: 0.05,
  },
};

/** Drivers that are at work when something happens to their cluster, and little else that goes wrong. */
const onNodesOfTheirOwn = {
  outlivesSilence: true,
  arrivesTogether: true,
  tasks: ['ray_idempotent', 'both_idempotent', 'ray'],
  settings: { runner: 'ray_job', concurrency: 6, leaseSeconds: 10, heartbeatSeconds: 4.5, stuckSeconds: 20 },
  weather: {
    rayCallTrouble: 0,
    rayCallSlow: 0,
    driverDies: 0,
    driverEndsSilently: 0,
    jobStartsLate: 0,
    cancelAtClaim: 0,
    statementSlow: 0,
  },
} as const satisfies Partial<Theme>;

const cancelledOutcomes: Theme = {
  name: 'cancelled outcomes',
  weather: { cancelAtClaim: 0, cancelAtOutcome: 1, driverDies: 0, driverSaysLastWords: 0, diesAfterStoring: 0 },
};

const noWait = { baseSeconds: 0, jitter: 0 };

export const themes: readonly Theme[] = [
  { name: 'mixed' },
  { name: 'long', hasLongCode: true, settings: { stuckSeconds: 20, leaseSeconds: 10, heartbeatSeconds: 4 } },
  { name: 'split', ...onNodesOfTheirOwn, disaster: cutOffWhile('ray_unreachable') },
  { name: 'orphans', ...onNodesOfTheirOwn, disaster: cutOffWhile('ray_forgets') },
  {
    name: 'cut off from the database',
    outlivesSilence: true,
    tasks: ['inline', 'both'],
    weather: { appCutOff: 0.4, appDies: 0, appCloses: 0, appFreezes: 0, statementLost: 0 },
    budgets: [90],
    settings: { runner: 'inline', leaseSeconds: 20, heartbeatSeconds: 9, stuckSeconds: 40, backoff: noWait },
  },
  {
    name: 'restarts',
    disaster: (dice, atSeconds) =>
      [0, 6, 14].map((after) => ({ atSeconds: atSeconds + after, seconds: 1, kind: dice.pick(restarts) })),
  },
  {
    name: 'crowd',
    weather: { triggerRepeats: 1, statementHeld: 0.6, statementSlow: 0, appDies: 0, rayCallTrouble: 0.1 },
    settings: { concurrency: 3, runner: 'ray_job' },
    tasks: ['ray', 'both', 'ray_idempotent'],
    arrivesTogether: true,
  },
  {
    name: 'silence',
    settings: { leaseSeconds: 5, heartbeatSeconds: 2 },
    weather: { triggerRepeats: 0 },
    disaster: (dice, atSeconds) =>
      [0, 20, 40].map((after) => ({
        atSeconds: atSeconds + after,
        seconds: dice.between(11, 16),
        kind: 'cron_silent',
      })),
  },
  { name: 'doubtful submissions', weather: { rayCallTrouble: 0.8, rayCallSlow: 0 } },
  lateOutcomes,
  { ...lateOutcomes, hasLargeValues: true },
  { ...lateOutcomes, weather: { ...lateOutcomes.weather, callLost: 0.2 } },
  { name: 'frozen drivers', weather: { driverFreezes: 1, driverDies: 0 }, hasLongCode: true },
  { name: 'silent ends', weather: { driverEndsSilently: 0.8 } },
  {
    name: 'large values',
    weather: { diesAfterStoring: 0.8, storeTrouble: 0.1, driverSaysLastWords: 0 },
    hasLargeValues: true,
  },
  { name: 'cancels', weather: { cancelAtClaim: 0.4, cancelAtOutcome: 0, statementHeld: 0.5 } },
  cancelledOutcomes,
  { ...cancelledOutcomes, hasLargeValues: true },
  { name: 'purges', weather: { purgeAtEnd: 0.8, callLost: 0.15 } },
  { name: 'lost answers', weather: { statementLost: 0.12, statementHeld: 0.3, triggerRepeats: 0.6 } },
];

const restarts = ['ray_forgets', 'ray_forgets', 'ray_restarts_durably'] as const;

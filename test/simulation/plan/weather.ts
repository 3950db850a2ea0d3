import type { Dice } from '../clockwork/dice.ts';

/** How often things go wrong: each number is a probability, for each chance there is. */
export interface Weather {
  /** An instance of the app dies when it asks something of the world. */
  readonly appDies: number;
  readonly appFreezes: number;
  /** An instance lives and cannot reach the database for a while. */
  readonly appCutOff: number;
  readonly statementLost: number;
  readonly statementSlow: number;
  /** Keeps its transaction open while others are at work. */
  readonly statementHeld: number;
  readonly rayCallTrouble: number;
  readonly rayCallSlow: number;
  /** Of a driver's or a client's call to the app: its question or its answer. */
  readonly callLost: number;
  readonly callSlow: number;
  readonly driverDies: number;
  readonly driverFreezes: number;
  /** It sends its outcome and dies; the outcome is on its way for long. */
  readonly driverSaysLastWords: number;
  /** Whoever stores an object dies then. */
  readonly diesAfterStoring: number;
  /** It ends without an outcome, and with the exit code of a success. */
  readonly driverEndsSilently: number;
  readonly jobStartsLate: number;
  /** A job that is asked about starts at this very moment. */
  readonly jobStartsWhenAsked: number;
  /** A trigger comes twice, or more often. */
  readonly triggerRepeats: number;
  readonly storeTrouble: number;
  /** The platform asks an instance to end, and ends it ten seconds later. */
  readonly appCloses: number;
  /** Somebody cancels at the worst moment: when an attempt was claimed, when its outcome is on its way. */
  readonly cancelAtClaim: number;
  readonly cancelAtOutcome: number;
  /** Somebody purges what has just ended. */
  readonly purgeAtEnd: number;
}

export const calmWeather: Weather = {
  appDies: 0,
  appFreezes: 0,
  appCutOff: 0,
  statementLost: 0,
  statementSlow: 0,
  statementHeld: 0,
  rayCallTrouble: 0,
  rayCallSlow: 0,
  callLost: 0,
  callSlow: 0,
  driverDies: 0,
  driverFreezes: 0,
  driverSaysLastWords: 0,
  diesAfterStoring: 0,
  driverEndsSilently: 0,
  jobStartsLate: 0,
  jobStartsWhenAsked: 0,
  triggerRepeats: 0,
  storeTrouble: 0,
  appCloses: 0,
  cancelAtClaim: 0,
  cancelAtOutcome: 0,
  purgeAtEnd: 0,
};

const worst: Weather = {
  appDies: 0.03,
  appFreezes: 0.05,
  appCutOff: 0.15,
  statementLost: 0.08,
  statementSlow: 0.08,
  statementHeld: 0.35,
  rayCallTrouble: 0.5,
  rayCallSlow: 0.2,
  callLost: 0.15,
  callSlow: 0.15,
  driverDies: 0.5,
  driverFreezes: 0.5,
  driverSaysLastWords: 0.2,
  diesAfterStoring: 0.2,
  driverEndsSilently: 0.5,
  jobStartsLate: 0.5,
  jobStartsWhenAsked: 0.4,
  triggerRepeats: 0.1,
  storeTrouble: 0.4,
  appCloses: 0.1,
  cancelAtClaim: 0.2,
  cancelAtOutcome: 0.3,
  purgeAtEnd: 0.3,
};

/** Each kind of fault is absent from some runs, rare in some and frequent in others: together they would hide each other. */
export function rollWeather(dice: Dice): Weather {
  const rolled = Object.entries(worst).map(([name, most]) => [name, most * dice.pick([0, 0, 0.3, 0.6, 1])]);
  return Object.fromEntries(rolled) as unknown as Weather;
}

import type { DatabaseRecord } from '../database/record.ts';
import type { World } from '../world.ts';
import { attemptsAreBounded, policyIsKept } from './attempts.ts';
import { countsAreRight } from './counts.ts';
import { enqueuesAreKept } from './enqueues.ts';
import { movesAreLegal } from './moves.ts';
import { everythingEnds } from './progress.ts';
import { answersAreTrue, resultsAreWhole } from './results.ts';
import { codeRunsAlone } from './user-code.ts';
import { verdictsAreTrue } from './verdicts.ts';

const invariants = [
  movesAreLegal,
  codeRunsAlone,
  attemptsAreBounded,
  policyIsKept,
  verdictsAreTrue,
  resultsAreWhole,
  answersAreTrue,
  enqueuesAreKept,
  countsAreRight,
  everythingEnds,
];

/** Every promise that a run has broken, in words. */
export const findBreaches = (world: World, record: DatabaseRecord): string[] =>
  invariants.flatMap((holds) => holds(world, record).map((breach) => `${holds.name}: ${breach}`));

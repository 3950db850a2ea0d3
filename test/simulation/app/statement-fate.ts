import type { StatementName } from '../database/statements.ts';
import type { World } from '../world.ts';

/** What is to become of one statement, and of who sent it. */
export interface Fate {
  readonly lost: 'question' | 'answer' | null;
  readonly dies: 'before' | 'after' | null;
  readonly outMs: number;
  readonly backMs: number;
  /** How long its transaction stays open; null for a statement that commits at once. */
  readonly holdMs: number | null;
  readonly rollsBack: boolean;
}

/** Statements that change who owns what are struck more often than those that look and renew. */
const exposure: Partial<Record<StatementName, number>> = {
  enqueue: 2.5,
  claim: 2,
  claimOne: 2,
  finish: 3,
  readInput: 2,
  recordSubmissions: 2,
  begin: 2,
  cancel: 2,
  takeChecks: 1,
  planChecks: 1,
  purge: 1,
};
const elsewhere = 0.25;

/** Throws the dice for one statement. */
export function rollFate({ dice, weather }: World, name: StatementName): Fate {
  const exposed = exposure[name] ?? elsewhere;
  const latencyMs = () => (dice.chance(weather.statementSlow) ? dice.between(100, 25_000) : dice.between(0.5, 6));
  const isHeld = dice.chance(weather.statementHeld);
  return {
    lost: dice.chance(weather.statementLost * exposed) ? dice.pick(['question', 'answer'] as const) : null,
    dies: dice.chance(weather.appDies * exposed) ? dice.pick(['before', 'after'] as const) : null,
    outMs: latencyMs(),
    backMs: latencyMs(),
    holdMs: isHeld ? dice.between(2, dice.pick([20, 200, 2_000])) : null,
    rollsBack: isHeld && dice.chance(0.2),
  };
}

/** It in a few words, for the trace. */
export function describeFate({ lost, dies, holdMs, rollsBack }: Fate): string {
  const words = [lost && `${lost} lost`, dies && `dies ${dies}`, holdMs !== null && 'held', rollsBack && 'rolled back'];
  return words.filter(Boolean).join(', ');
}

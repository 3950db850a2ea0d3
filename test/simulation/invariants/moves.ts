import { isFinal, mayMove, rankOf } from '../../../src/core/execution.ts';
import type { Change, DatabaseRecord, ExecutionRow } from '../database/record.ts';
import type { World } from '../world.ts';

/** I5: states only move as the lifecycle says, versions grow, and what is final stays so but for an explicit retry. */
export const movesAreLegal = (_: World, { changes }: DatabaseRecord): string[] => changes.flatMap(problemsOf);

function problemsOf(change: Change): string[] {
  const { before, after, statement, call } = change;
  const said = (what: string) => [
    `${change.id.slice(-4)}: ${what} (${before?.state ?? '-'} -> ${after?.state ?? '-'} by ${statement} of ${call.process.name})`,
  ];
  if (!before) return statement === 'enqueue' ? [] : said('it was stored by something that is no enqueue');
  if (!after) {
    if (!isFinal(before.state)) return said('it was deleted unfinished');
    return statement === 'purge' ? [] : said('it was deleted by something that is no purge');
  }
  return [...problemsOfMove(change, before, after, said), ...problemsOfVersion(before, after, said)];
}

type Said = (what: string) => string[];

const explicitRetries = ['retry', 'reset', 'claimOne'];

function problemsOfMove({ statement }: Change, before: ExecutionRow, after: ExecutionRow, said: Said): string[] {
  if (before.state === after.state) return after.attempt === before.attempt ? [] : said('a new attempt without a move');
  const isRetry = isFinal(before.state);
  if (isRetry && !explicitRetries.includes(statement)) return said('what was final has moved without a retry');
  const isRetriedAndClaimed = statement === 'claimOne' && mayMove(before.state, 'QUEUED') && after.state === 'RUNNING';
  if (!mayMove(before.state, after.state) && !isRetriedAndClaimed) return said('no such move');
  const isClaim = after.state === 'RUNNING';
  if (after.attempt !== before.attempt + (isClaim ? 1 : 0))
    return said('the attempt has another number than it should');
  // A QUEUED one may be cancelled or expire: the lifecycle has these moves, though they lower the rank.
  if (before.state === 'QUEUED') return [];
  const isForward = after.attempt > before.attempt || rankOf(after.state) > rankOf(before.state);
  return isForward ? [] : said('an observer saw it go back');
}

function problemsOfVersion(before: ExecutionRow, after: ExecutionRow, said: Said): string[] {
  const isVisible =
    before.state !== after.state || before.attempt !== after.attempt || before.progress !== after.progress;
  if (after.version < before.version) return said('its version went back');
  if (isVisible && after.version === before.version) return said('it changed and its version did not');
  return after.epoch < before.epoch ? said('its epoch went back') : [];
}

import type { DatabaseRecord } from '../database/record.ts';
import type { World } from '../world.ts';
import type { WindowName } from './windows.ts';

/** The windows that show only when all is over: what was in flight at a moment that nobody noticed then. */
export function lateWindows({ ledger, plan }: World, { attempts, changes }: DatabaseRecord): WindowName[] {
  const overdue = attempts.filter(({ error }) =>
    /did not begin within|run deadline|longer than/.test(error?.message ?? ''),
  );
  const purged = changes.filter(({ after }) => after === null);
  const met = purged.flatMap(({ id, step }) =>
    ledger.calls.filter((call) => call.about === id && call.fromStep <= step + 40 && call.toStep >= step),
  );
  const frozen = new Set(
    ledger.codeRuns
      .map(({ process }) => process)
      .filter(({ kind, freezes }) => {
        const longest = Math.max(0, ...freezes.map(({ fromMs, toMs }) => toMs - fromMs));
        return kind === 'driver' && longest > 800 * plan.settings.stuckSeconds;
      }),
  );
  return [
    ...overdue.map(() => 'W8c' as const),
    ...met.map(() => 'W19' as const),
    ...[...frozen].map(() => 'W17a' as const),
  ];
}

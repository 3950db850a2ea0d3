import type { DatabaseRecord } from '../database/record.ts';
import type { World } from '../world.ts';

/** I1, I8 and I17: what was acknowledged is there until it is purged, a key has one id, and both can be read at once. */
export function enqueuesAreKept({ ledger, unreadable }: World, { changes, executions }: DatabaseRecord): string[] {
  const present = new Set(executions.map(({ id }) => id));
  const purged = new Set(changes.filter(({ after }) => after === null).map(({ id }) => id));
  const stored = new Set(changes.filter(({ before }) => before === null).map(({ id }) => id));
  return [
    ...ledger.acknowledged
      .filter(({ id }) => !present.has(id) && !(stored.has(id) && purged.has(id)))
      .map(({ id }) => `${id.slice(-4)}: acknowledged, and lost`),
    ...unreadable
      .filter(({ id }) => !purged.has(id))
      .map(({ id }) => `${id.slice(-4)}: acknowledged, and not readable`),
    ...keysWithTwoIds(ledger.acknowledged, changes),
    ...ledger.codeRuns
      .filter(({ id }) => !stored.has(id))
      .map(({ id }) => `${id.slice(-4)}: ran, and was never enqueued`),
  ];
}

function keysWithTwoIds(acknowledged: World['ledger']['acknowledged'], changes: DatabaseRecord['changes']): string[] {
  const ids = new Map<string, Set<string>>();
  const add = (key: string | null | undefined, id: string) => {
    if (key) ids.set(key, (ids.get(key) ?? new Set()).add(id));
  };
  for (const { idempotencyKey, id } of acknowledged) add(idempotencyKey, id);
  for (const { before, after } of changes) if (!before && after) add(after.idempotency_key, after.id);
  return [...ids]
    .filter(([, of]) => of.size > 1)
    .map(([key, of]) => `the key ${key} has ${[...of].map((id) => id.slice(-4)).join(' and ')}`);
}

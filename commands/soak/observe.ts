import type { Heard } from './api.ts';

/** What an observer may see of an execution, in the order of contract §2. */
export interface Observed {
  look(heard: Heard): void;
  /** Sights that went back. */
  readonly violations: readonly string[];
}

const ranks = ['RUNNING', 'CANCELLING', 'SUCCEEDED', 'FAILED', 'CANCELLED', 'LOST', 'EXPIRED', 'QUEUED'] as const;

interface Sight {
  readonly id: string;
  readonly state: (typeof ranks)[number];
  readonly attempt: number;
  readonly version: number;
}

/** Answers may overtake each other, so what is compared is what they say: no older version may be further on. */
export function startObserving(): Observed {
  const latest = new Map<string, Sight>();
  const violations: string[] = [];

  function look(sight: Sight): void {
    const before = latest.get(sight.id);
    if (before) compare(before, sight);
    if (!before || sight.version > before.version) latest.set(sight.id, sight);
  }

  function compare(one: Sight, other: Sight): void {
    const [older, newer] = one.version <= other.version ? [one, other] : [other, one];
    const isLeaving = older.state === 'QUEUED' && (newer.state === 'CANCELLED' || newer.state === 'EXPIRED');
    const isBack = newer.attempt < older.attempt || (newer.attempt === older.attempt && rank(newer) < rank(older));
    if (isBack && !isLeaving) violations.push(`${newer.id} went from ${words(older)} back to ${words(newer)}`);
    const isSilent =
      newer.version === older.version && (newer.state !== older.state || newer.attempt !== older.attempt);
    if (isSilent) violations.push(`${newer.id} is both ${words(older)} and ${words(newer)}`);
  }

  return {
    violations,
    look(heard) {
      if (!heard || heard.status >= 300) return;
      const { json } = heard;
      for (const task of [json?.task, ...(json?.executions ?? [])]) if (task?.version) look(task);
    },
  };
}

/** Final states are one rank: which of them it is never changes but by a retry. */
const rank = ({ state }: Sight): number => Math.min(2, ranks.indexOf(state)) + (state === 'QUEUED' ? 1 : 0);
const words = ({ state, attempt, version }: Sight): string => `${state} (attempt ${attempt}, version ${version})`;

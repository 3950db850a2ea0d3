import { existsSync, readFileSync } from 'node:fs';

/**
 * What user code itself says of its runs, past Mobula: a line of JSON for each start and each end. `at` is nanoseconds of
 * the machine's monotonic clock, which all its processes share.
 */
export interface LedgerLine {
  readonly id: string;
  readonly attempt: number;
  readonly pid: number;
  readonly what: 'start' | 'end' | 'told_to_end';
  readonly at: number;
}

export function readLedger(path: string): LedgerLine[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, 'utf8').split('\n').filter(Boolean);
  return lines.map((line) => JSON.parse(line));
}

/** One run of user code; without an end where its process died. */
export interface RunOfCode {
  readonly id: string;
  readonly attempt: number;
  readonly pid: number;
  readonly startedAt: number;
  readonly endedAt: number | null;
  readonly wasToldToEnd: boolean;
}

/** The runs in the order of their starts. */
export function runsIn(lines: readonly LedgerLine[]): RunOfCode[] {
  const byRun = Map.groupBy(lines, ({ id, attempt, pid }) => `${id} ${attempt} ${pid}`);
  const runs = [...byRun.values()].flatMap((own) => {
    const starts = own.filter(({ what }) => what === 'start');
    const ends = own.filter(({ what }) => what === 'end');
    const wasToldToEnd = own.some(({ what }) => what === 'told_to_end');
    return starts.map(({ id, attempt, pid, at }, index) => ({
      id,
      attempt,
      pid,
      startedAt: at,
      endedAt: ends[index]?.at ?? null,
      wasToldToEnd,
    }));
  });
  return runs.toSorted((one, other) => one.startedAt - other.startedAt);
}

/** An execution as its row ended up. */
export interface JudgedRow {
  readonly id: string;
  readonly state: string;
  readonly attempt: number;
}

export interface Evidence {
  readonly lines: readonly LedgerLine[];
  readonly rows: readonly JudgedRow[];
  /** Ids whose enqueue was acknowledged. */
  readonly acknowledged: readonly string[];
  /** When processes were killed, by pid: a run without an end ended then. */
  readonly deaths?: ReadonlyMap<number, number>;
  /** Processes that were frozen: their code may overlap what follows, which contract §2 says. */
  readonly frozen?: ReadonlySet<number>;
}

/** What broke a promise of contract §2, in words; judged by the ledger and the rows alone. */
export function findViolations({
  lines,
  rows,
  acknowledged,
  deaths = new Map(),
  frozen = new Set(),
}: Evidence): string[] {
  const runs = runsIn(lines);
  const byId = new Map(rows.map((row) => [row.id, row]));
  const endOf = (run: RunOfCode) => run.endedAt ?? deaths.get(run.pid) ?? null;
  return [
    ...acknowledged.filter((id) => !byId.has(id)).map((id) => `${id} was acknowledged and is lost`),
    ...repeated(runs).map((name) => `${name} started user code more than once`),
    ...runs.filter(({ id }) => !byId.has(id)).map(({ id }) => `${id} ran and was never enqueued`),
    ...runs
      .filter(({ id, attempt }) => attempt > (byId.get(id)?.attempt ?? attempt))
      .map(({ id, attempt }) => `${id} ran attempt ${attempt}, which its row does not know`),
    ...overlaps(
      runs.filter(({ pid }) => !frozen.has(pid)),
      endOf,
    ).map((id) => `attempts of ${id} overlapped`),
    ...rows
      .filter(({ id, state, attempt }) => state === 'SUCCEEDED' && !hasEnded(runs, id, attempt))
      .map(({ id, attempt }) => `${id} succeeded in attempt ${attempt}, whose code did not end`),
  ];
}

function repeated(runs: readonly RunOfCode[]): string[] {
  const counts = Map.groupBy(runs, ({ id, attempt }) => `attempt ${attempt} of ${id}`);
  return [...counts].filter(([, group]) => group.length > 1).map(([name]) => name);
}

/** Ids of which one run began before an earlier one had ended. An end that nobody knows counts as the start of the next. */
function overlaps(runs: readonly RunOfCode[], endOf: (run: RunOfCode) => number | null): string[] {
  const byId = Map.groupBy(runs, ({ id }) => id);
  return [...byId]
    .filter(([, own]) => own.some((run, index) => index > 0 && run.startedAt < (endOf(own[index - 1] ?? run) ?? 0)))
    .map(([id]) => id);
}

const hasEnded = (runs: readonly RunOfCode[], id: string, attempt: number): boolean =>
  runs.some((run) => run.id === id && run.attempt === attempt && run.endedAt !== null);

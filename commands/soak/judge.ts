import { setTimeout as sleep } from 'node:timers/promises';
import { findViolations, type JudgedRow } from '../../test/support/ledger.ts';
import type { Book } from './book.ts';
import type { Parts } from './parts.ts';
import type { Witness } from './witness.ts';

export interface Judged {
  readonly violations: readonly string[];
  /** How many executions of each task ended in each state. */
  readonly states: Readonly<Record<string, number>>;
  readonly attempts: number;
}

/** What may take so long after the last fault has bounds of a few seconds; so much is for a noisy machine. */
const drainSeconds = 120;

/** Waits until everything is final, by the crons, and judges: by what user code said, what callers heard, and the rows. */
export async function judge(
  parts: Parts,
  { book, witness, frozen }: { book: Book; witness: Witness; frozen: ReadonlySet<number> },
): Promise<Judged> {
  const unfinished = await drain(parts);
  witness.stop();
  const rows = await parts.postgres.sql<JudgedRow & { task: string }>(
    'select id, task, state::text, attempt from mobula.executions',
  );
  const byId = new Map(rows.map((row) => [row.id, row]));
  const violations = [
    ...unfinished.map((row) => `not final ${drainSeconds} s after the last fault: ${JSON.stringify(row)}`),
    ...findViolations({
      lines: witness.lines,
      rows,
      acknowledged: book.acknowledged,
      deaths: witness.lastSeenAlive,
      frozen,
    }),
    ...book.observed.violations,
    ...book.surprises.map((surprise) => `answered ${surprise}`),
    ...rows
      .filter(({ state }) => state === 'FAILED' || state === 'EXPIRED')
      .map(({ id, state }) => `${id} is ${state}`),
    ...[...book.cancelled]
      .filter((id) => byId.get(id)?.state !== 'CANCELLED')
      .map((id) => `the cancel of ${id} was acknowledged, and it is ${byId.get(id)?.state}`),
    ...(await findContradictions(parts)),
  ];
  const states = Object.groupBy(rows, ({ task, state }) => `${task} ${state}`);
  return {
    violations,
    states: Object.fromEntries(Object.entries(states).map(([state, those]) => [state, those?.length ?? 0])),
    attempts: rows.reduce((sum, { attempt }) => sum + attempt, 0),
  };
}

async function drain({ postgres }: Parts): Promise<object[]> {
  const look = () =>
    postgres.sql(`select id, task, state::text, attempt, holder, due_at - now() as due, check_at - now() as looked_at
      from mobula.executions where finished_at is null`);
  for (const until = performance.now() + drainSeconds * 1_000; performance.now() < until; await sleep(500)) {
    if ((await look()).length === 0) return [];
  }
  return look();
}

/** Rows that do not agree with each other. */
async function findContradictions({ postgres }: Parts): Promise<string[]> {
  const found = await postgres.sql<{ said: string }>(`
    select 'slots still taken: ' || running as said from mobula.capacity where running <> 0
    union all
    select e.id || ' has ' || e.attempt || ' attempts and a history of ' || count(a) from mobula.executions e
      left join mobula.attempts a on a.execution_id = e.id
      group by e.id, e.attempt having count(a) <> e.attempt
    union all
    select e.id || ' has no input' from mobula.executions e where not exists (select from mobula.inputs i where i.execution_id = e.id)
    union all
    select e.id || ' succeeded without a value' from mobula.executions e join mobula.attempts a
      on a.execution_id = e.id and a.attempt = e.attempt where e.state = 'SUCCEEDED' and a.result is distinct from e.attempt::text`);
  return found.map(({ said }) => said);
}

import type { Client } from 'pg';
import type { Scheduler } from '../clockwork/scheduler.ts';
import type { SimulatedDatabase } from './database.ts';

/** One statement on its way through Postgres. */
export interface Work {
  readonly text: string;
  readonly params: readonly unknown[];
  /** How long it keeps its transaction open after its work; null commits at once. */
  readonly holdMs: number | null;
  /** Whether an open one ends without having happened. */
  readonly rollsBack: boolean;
  /** Told while its transaction is open: nobody else can see these rows yet. */
  readonly onHeld: (rows: readonly unknown[]) => void;
  /** Told once: the rows, or what Postgres said against it. */
  readonly done: (outcome: Outcome) => void;
}

export type Outcome =
  | { readonly kind: 'applied'; readonly rows: unknown[]; readonly step: number }
  | { readonly kind: 'rolled_back' }
  | { readonly kind: 'refused'; readonly error: unknown };

export interface Statements {
  /** Has a statement done, now or as soon as what blocks it has ended. */
  perform(work: Work): Promise<void>;
  /** Whether no execution is unfinished, asked past the product. */
  areAllFinal(): Promise<boolean>;
  /** Ends a transaction that is still open, as at the end of a run. */
  settle(): Promise<void>;
  /** When what a step wrote could be seen: later than the step, where its transaction was held open or had to wait. */
  readonly seenAtStep: ReadonlyMap<number, number>;
}

interface Held {
  readonly work: Work;
  readonly rows: unknown[];
  readonly step: number;
  isOver: boolean;
}

interface Blocked {
  readonly work: Work;
  readonly outcome: Promise<Outcome>;
}

/**
 * Runs statements one at a time, but for one that is held open while the next ones meet its locks and cannot see its
 * rows. A statement that has to wait for it is found out by asking Postgres, never by a timer of ours, so that the same
 * order of statements has the same outcome in every run.
 */
export function overlapStatements(database: SimulatedDatabase, scheduler: Scheduler): Statements {
  const [main, side] = database.clients;
  const seenAtStep = new Map<number, number>();
  let held: Held | null = null;
  let blocked: Blocked | null = null;
  const queue: Work[] = [];

  async function perform(work: Work): Promise<void> {
    if (blocked) {
      queue.push(work);
      return;
    }
    if (held) return performBeside(work);
    if (work.holdMs === null) return work.done(await send(main, work));
    void main.query('begin');
    const outcome = await send(main, work);
    if (outcome.kind !== 'applied') {
      await main.query('rollback');
      return work.done(outcome);
    }
    const mine: Held = { work, rows: outcome.rows, step: outcome.step, isOver: false };
    held = mine;
    work.onHeld(mine.rows);
    scheduler.after(work.holdMs, () => release(mine));
  }

  async function performBeside(work: Work): Promise<void> {
    let isOver = false;
    const outcome = send(side, work).finally(() => {
      isOver = true;
    });
    while (!isOver) {
      if (!(await isSideWaiting())) continue;
      blocked = { work, outcome };
      return;
    }
    work.done(await outcome);
  }

  async function isSideWaiting(): Promise<boolean> {
    const { rows } = await database.watcher.query<{ waits: boolean }>({
      name: 'waits',
      text: 'select $1::integer = any(pg_blocking_pids($2)) as waits',
      values: [pidOf(main), pidOf(side)],
    });
    return rows[0]?.waits === true;
  }

  async function send(client: Client, { text, params }: Work): Promise<Outcome> {
    const step = scheduler.nextStep();
    const now = new Date(scheduler.nowMs()).toISOString();
    const isSet = client.query({
      name: 'now',
      text: `select set_config('simulation.now', $1, false), set_config('simulation.step', $2, false)`,
      values: [now, String(step)],
    });
    try {
      const { rows } = await client.query({ name: statementName(text), text, values: [...params] });
      await isSet;
      return { kind: 'applied', rows, step };
    } catch (error) {
      return { kind: 'refused', error };
    }
  }

  async function release(mine: Held): Promise<void> {
    if (mine.isOver) return;
    mine.isOver = true;
    await main.query(mine.work.rollsBack ? 'rollback' : 'commit');
    held = null;
    seenAtStep.set(mine.step, scheduler.step());
    mine.work.done(
      mine.work.rollsBack ? { kind: 'rolled_back' } : { kind: 'applied', rows: mine.rows, step: mine.step },
    );
    if (blocked) {
      const { work, outcome } = blocked;
      const ended = await outcome;
      if (ended.kind === 'applied') seenAtStep.set(ended.step, scheduler.step());
      blocked = null;
      work.done(ended);
    }
    for (const work of queue.splice(0)) await perform(work);
  }

  return {
    perform,
    seenAtStep,
    async areAllFinal() {
      if (held) return false;
      const { rows } = await database.watcher.query({
        name: 'unfinished',
        text: 'select 1 from mobula.executions where finished_at is null limit 1',
      });
      return rows.length === 0;
    },
    async settle() {
      while (held) await release(held);
    },
  };
}

/** The server process behind a connection; the types of `pg` do not name it. */
const pidOf = (client: Client): number => (client as Client & { processID: number }).processID;

const names = new Map<string, string>();

/** Prepared by name: Postgres plans a statement once for all runs. */
function statementName(text: string): string {
  const name = names.get(text) ?? `s${names.size}`;
  names.set(text, name);
  return name;
}

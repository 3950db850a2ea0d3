import type { Db } from '../../../src/db/db.ts';
import { toOurError } from '../../../src/db/drivers/driver-error.ts';
import { toQuery } from '../../../src/db/drivers/to-query.ts';
import { type Call, currentCall, isCutOff, kill, never, type Process } from '../clockwork/process.ts';
import type { Outcome } from '../database/overlapping-statements.ts';
import { nameOf, type StatementName } from '../database/statements.ts';
import { noteApplied, noteHeld, noteUnanswered, noteUnapplied } from '../windows/statement-windows.ts';
import { isOngoing, type World } from '../world.ts';
import { describeFate, type Fate, rollFate } from './statement-fate.ts';

/** The driver of `pg` gives a statement up after so long, whatever becomes of it. */
const patienceMs = 30_000;

/** The one port through which the product's SQL goes: to a real Postgres, by a network and a process that may fail. */
export function sqlPort(world: World, process: Process): Db {
  const execute = async <Row extends object>(statement: Parameters<Db['execute']>[0]): Promise<Row[]> => {
    if (process.diedAtMs !== null) return never();
    const { sql, params } = toQuery(statement);
    return (await send(world, currentCall()!, { text: sql, params })) as Row[];
  };
  const refuse = () => Promise.reject(new Error('Nothing of ours needs a transaction.'));
  return { execute, transaction: refuse, close: () => Promise.resolve() };
}

interface Query {
  readonly text: string;
  readonly params: unknown[];
}

function send(world: World, call: Call, query: Query): Promise<unknown[]> {
  const { process } = call;
  const name = nameOf(query.text);
  const text = world.mutation?.statement?.(name, query.text, world) ?? query.text;
  const fate = rollFate(world, name);
  world.trace(`${process.name} sends ${name} ${describeFate(fate)}`.trimEnd());
  if (fate.dies === 'before') {
    noteUnapplied(world, name);
    kill(process, `before ${name}`);
    return never();
  }
  return new Promise((resolve, reject) => {
    const journey: Journey = { world, call, name, fate, params: query.params, resolve, reject };
    world.scheduler.after(patienceMs, () => reject(toOurError(new Error('Query read timeout'))), process);
    if (fate.lost === 'question' || isAway(world, process)) {
      loseQuestion(journey);
      return;
    }
    const { holdMs, rollsBack, outMs } = fate;
    const done = (outcome: Outcome) => comeBack(journey, outcome);
    const onHeld = (rows: readonly unknown[]) => noteHeld(world, name, rows);
    world.scheduler.after(outMs, () =>
      world.statements.perform({ text, params: query.params, holdMs, rollsBack, onHeld, done }),
    );
  });
}

const isAway = (world: World, process: Process): boolean => isOngoing(world, 'database_away') || isCutOff(process);

/** One statement, from its sender and back. */
interface Journey {
  readonly world: World;
  readonly call: Call;
  readonly name: StatementName;
  readonly fate: Fate;
  readonly params: readonly unknown[];
  readonly resolve: (rows: unknown[]) => void;
  readonly reject: (error: unknown) => void;
}

const breakOff = ({ world, call, reject }: Journey, afterMs: number): void => {
  const fail = () => reject(toOurError(new Error('Connection terminated unexpectedly')));
  world.scheduler.after(afterMs, fail, call.process);
};

/** A connection that is refused tells at once, one that hangs tells late. */
function loseQuestion(journey: Journey): void {
  const { dice } = journey.world;
  noteUnapplied(journey.world, journey.name);
  breakOff(journey, dice.between(1, dice.chance(0.2) ? patienceMs : 100));
}

function comeBack(journey: Journey, outcome: Outcome): void {
  const { world, call, name, fate } = journey;
  if (outcome.kind === 'applied') noteDone(journey, outcome);
  if (outcome.kind === 'rolled_back') noteUnapplied(world, name);
  if (fate.dies === 'after') kill(call.process, `after ${name}`);
  if (fate.lost === 'answer' || outcome.kind === 'rolled_back') {
    breakOff(journey, fate.backMs);
    return;
  }
  const answer = () =>
    outcome.kind === 'applied' ? journey.resolve(outcome.rows) : journey.reject(toOurError(outcome.error));
  if (outcome.kind === 'refused') world.trace(`Postgres refuses ${name}: ${String((outcome.error as Error).message)}`);
  world.scheduler.after(fate.backMs, answer, call.process);
}

function noteDone({ world, call, name, fate, params }: Journey, outcome: Extract<Outcome, { kind: 'applied' }>): void {
  world.ledger.writers.set(outcome.step, { call, statement: name });
  noteApplied(world, call, { name, rows: outcome.rows, params });
  if (fate.lost || fate.dies || call.process.diedAtMs !== null) noteUnanswered(world, name);
  world.trace(`${call.process.name} has done ${name}: ${outcome.rows.length} rows`);
}

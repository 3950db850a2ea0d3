import { isFinal, type State } from '../../../src/core/execution.ts';
import { rayJobId } from '../../../src/core/ids.ts';
import type { Call, Process } from '../clockwork/process.ts';
import type { StatementName } from '../database/statements.ts';
import { mayCancel, mayPurge } from '../plan/meddling.ts';
import type { World } from '../world.ts';
import { obligationsOf } from './obligations.ts';
import type { WindowName } from './windows.ts';

const unapplied: Partial<Record<StatementName, WindowName>> = {
  enqueue: 'W1',
  claim: 'W3',
  claimOne: 'W3',
  finish: 'W12',
  readInput: 'W22',
};

const unanswered: Partial<Record<StatementName, WindowName>> = { enqueue: 'W2', finish: 'W13', readInput: 'W22' };

/** Statements that write nothing: a call that came no further has written nothing. */
const reading: ReadonlySet<StatementName> = new Set([
  'survey',
  'find',
  'findKey',
  'findHolder',
  'findHeld',
  'findEnded',
  'findCancelling',
  'findDriven',
  'isRegistered',
  'readInput',
  'other',
]);

/** A statement was sent, and Postgres did not do it. */
export function noteUnapplied(world: World, name: StatementName): void {
  const window = unapplied[name];
  if (window) world.hit(window);
}

/** Postgres did it, and who sent it does not know. */
export function noteUnanswered(world: World, name: StatementName): void {
  const window = unanswered[name];
  if (window) world.hit(window);
}

interface Applied {
  readonly name: StatementName;
  readonly rows: readonly unknown[];
  readonly params: readonly unknown[];
}

/** Others may meddle with what is being changed, before anybody can see that it is. */
export function noteHeld(world: World, name: StatementName, rows: readonly unknown[]): void {
  const { cancelAtClaim, cancelAtOutcome } = world.weather;
  const probability = { claim: cancelAtClaim, claimOne: cancelAtClaim, finish: cancelAtOutcome }[name as string] ?? 0;
  for (const { id } of rows as MovedRow[]) if (id !== null) mayCancel(world, id, probability);
}

/** Keeps the obligations of a process by what its statements did, and lets others meddle with what they changed. */
export function noteApplied(world: World, { process }: Call, applied: Applied): void {
  const { name, rows } = applied;
  const mine = obligationsOf(process);
  if (!reading.has(name)) mine.hasWritten = true;
  if (name === 'claim' || name === 'claimOne') noteClaims(world, process, applied);
  if (name === 'recordSubmissions') mine.unrecorded.clear();
  if (name === 'finish') mine.hasStored = false;
  if (name === 'finish') for (const { id, state } of rows as MovedRow[]) if (isFinal(state)) mayPurge(world, id);
  if (name === 'cancel') noteCancel(world, applied);
}

interface MovedRow {
  readonly id: string;
  readonly state: State;
}

interface ClaimedRow {
  readonly id: string | null;
  readonly attempt: number;
}

function noteClaims(world: World, process: Process, { rows, params }: Applied): void {
  for (const { id, attempt } of rows as ClaimedRow[]) {
    if (id === null) continue;
    world.latestAttempt.set(id, attempt);
    if (params.includes('ray_job')) owe(process, rayJobId(id, attempt));
    mayCancel(world, id, world.weather.cancelAtClaim);
  }
}

/** Somebody who has died already leaves it to others at once. */
function owe(process: Process, jobId: string): void {
  if (process.diedAtMs === null) obligationsOf(process).unsent.add(jobId);
  else process.world.hit('W4');
}

interface CancelRow {
  readonly before: string;
  readonly after: string | null;
  readonly attempt: number;
}

function noteCancel(world: World, { rows, params }: Applied): void {
  const row = rows[0] as CancelRow | undefined;
  if (row?.before === 'RUNNING' && row.after === 'CANCELLED') world.hit('W18a');
  const id = params.find((param) => typeof param === 'string' && world.outcomesInFlight.has(param)) as string;
  if (row && id && world.outcomesInFlight.get(id) === row.attempt) world.hit('W18b');
}

import { createHash } from 'node:crypto';
import { sql } from 'drizzle-orm';
import type { Db } from '../../../src/db/db.ts';
import { beatAttempt, reportProgress } from '../../../src/db/executions/beat.ts';
import { beginAttempt } from '../../../src/db/executions/begin.ts';
import { cancelExecution } from '../../../src/db/executions/cancel.ts';
import { claimInline, claimRemote } from '../../../src/db/executions/claim.ts';
import { claimOneInline, claimOneRemote } from '../../../src/db/executions/claim-one.ts';
import type { Claimed } from '../../../src/db/executions/claimed.ts';
import { expireQueued } from '../../../src/db/executions/expire.ts';
import { finishAttempts } from '../../../src/db/executions/finish.ts';
import { planChecks } from '../../../src/db/executions/plan-checks.ts';
import { promoteDelayed } from '../../../src/db/executions/promote.ts';
import { purgeExecution } from '../../../src/db/executions/purge.ts';
import { recordSubmissions } from '../../../src/db/executions/record-submission.ts';
import { retryExecution } from '../../../src/db/executions/retry.ts';
import { takeChecks } from '../../../src/db/executions/take-checks.ts';
import { takeLapsed } from '../../../src/db/executions/take-lapsed.ts';
import { dropDeadLeases, dropLease, renewLease } from '../../../src/db/lease.ts';
import type { Event, Of } from '../../core/life/events.ts';
import {
  type Answer,
  attemptOf,
  type Driver,
  granted,
  type Invocation,
  type Life,
  nonceOf,
  type Ticket,
} from '../../core/life/life.ts';
import { inlineValue, lane } from '../support.ts';

/** Where the attempts of a story run that do not run inline. */
export const cluster = { runner: 'ray_job', cluster: 'http://ray.test' } as const;

/** Longer than any test takes: what is ahead stays ahead until `pass` says otherwise. */
export const hour = 3_600;

/** The execution that a story is told of, as its callers know it. */
export interface Told {
  readonly id: string;
  readonly life: Life;
  readonly tickets: readonly Ticket[];
}

/** A uuid for a name; another execution's differ. */
export function named(id: string, name: string): string {
  const hex = createHash('sha256').update(`${id} ${name}`).digest('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), `4${hex.slice(13, 16)}`, `8${hex.slice(17, 20)}`, hex.slice(20, 32)].join(
    '-',
  );
}

const toTicket = (claimed: { attempt: number; epoch: number } | undefined): Ticket | null =>
  claimed ? { attempt: claimed.attempt, epoch: claimed.epoch } : null;

/** Does to the row what the event says, by the product's own statements, and answers as `step` does. */
export async function perform(db: Db, told: Told, event: Event): Promise<Answer> {
  const { id } = told;
  switch (event.kind) {
    case 'claim':
      return toTicket((await claim(db, id, event))[0]);
    case 'execute':
      return execute(db, id, event);
    case 'begin':
      return (await beginAttempt(db, { ...driven(told, event.driver), checkSeconds: hour })) !== null;
    case 'beat':
      return beatAttempt(db, { ...driven(told, event.driver), progress: event.progress ? '1' : null });
    case 'finish':
      return finish(db, told, event);
    case 'submitted':
    case 'plan':
    case 'report':
      return note(db, id, event.kind, told.tickets.at(-1 - event.ticket));
    case 'renew':
      return renewLease(db, named(id, event.by), hour);
    case 'drop':
      await dropLease(db, named(id, event.by));
      return null;
    case 'pass':
      return pass(db, id, event.what);
    case 'cancel':
      return withoutPlace(await cancelExecution(db, id));
    case 'takeLapsed':
      return toTicket((await takeLapsed(db, 10))[0]);
    case 'dropDeadLeases':
      await dropDeadLeases(db);
      return null;
    case 'takeChecks':
      return toTicket((await takeChecks(db, 10, hour))[0]);
    case 'expire':
      return expireQueued(db, 10);
    case 'promote':
      return promoteDelayed(db, 10);
    case 'retry':
      return retryExecution(db, id, { byTask: new Map(), otherwise: granted });
    case 'purge':
      return (await purgeExecution(db, id)).deleted;
  }
}

const claimant = (id: string, by: Invocation) => ({ invocationId: named(id, by), leaseSeconds: hour });

function claim(db: Db, id: string, { runner, by }: Of<'claim'>): Promise<Claimed[]> {
  const options = { lanes: [lane('default', 'both')], limit: 10, ...claimant(id, by) };
  return runner === 'inline' ? claimInline(db, options) : claimRemote(db, { ...options, ...cluster, concurrency: 1 });
}

async function execute(db: Db, id: string, { runner, by, allowRetry, force }: Of<'execute'>): Promise<Answer> {
  const options = { id, ...claimant(id, by), allowRetry, force, grantedAttempts: granted };
  const answer =
    runner === 'inline'
      ? await claimOneInline(db, options)
      : await claimOneRemote(db, { ...options, ...cluster, concurrency: 1 });
  return answer.kind === 'claimed' ? toTicket(answer.claimed) : answer.kind;
}

const driven = ({ id, life }: Told, driver: Driver) => ({
  id,
  attempt: attemptOf(life, driver),
  nonce: named(id, nonceOf(life, driver)),
});

async function finish(db: Db, told: Told, { fence, ending, retryable, delayed }: Of<'finish'>): Promise<Answer> {
  const ticket = 'ticket' in fence ? told.tickets.at(-1 - fence.ticket) : undefined;
  if ('ticket' in fence && !ticket) return null;
  const writer =
    'driver' in fence ? { ...driven(told, fence.driver), epoch: null } : { id: told.id, ...ticket!, nonce: null };
  const result = ending === 'SUCCEEDED' ? inlineValue('1') : null;
  const delaySeconds = delayed ? hour : 0;
  const [finished] = await finishAttempts(db, [{ ...writer, ending, retryable, delaySeconds, error: null, result }]);
  return finished?.state ?? null;
}

async function note(
  db: Db,
  id: string,
  kind: 'submitted' | 'plan' | 'report',
  ticket: Ticket | undefined,
): Promise<Answer> {
  if (!ticket) return kind === 'report' ? false : null;
  const { epoch } = ticket;
  if (kind === 'report') return reportProgress(db, { id, epoch, progress: '2' });
  if (kind === 'submitted')
    await recordSubmissions(db, [{ id, epoch, session: 's' }], { accepted: hour, unknown: hour });
  else await planChecks(db, [{ id, epoch, afterSeconds: hour, rayEnded: false, session: null }]);
  return null;
}

const withoutPlace = (answer: Awaited<ReturnType<typeof cancelExecution>>): Answer =>
  answer && { before: answer.before, after: answer.after, attempt: answer.attempt };

/** Rows are aged; clocks are not faked. */
async function pass(db: Db, id: string, what: Of<'pass'>['what']): Promise<Answer> {
  const column = { due: 'due_at', expiry: 'expires_at', check: 'check_at', A: null, B: null }[what];
  if (column === null) {
    await db.execute(
      sql`update mobula.invocations set lease_until = mobula.clock() - interval '1 second' where id = ${named(id, what)}`,
    );
  } else {
    const name = sql.identifier(column);
    await db.execute(
      sql`update mobula.executions set ${name} = mobula.clock() - interval '1 second' where id = ${id} and ${name} is not null`,
    );
  }
  return null;
}

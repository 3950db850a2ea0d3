import { isFinal } from '../../../src/core/execution.ts';
import { cancel, close, finish, isRetriable, mayRetry, renewed, requeue } from './ends.ts';
import type { Event, Of } from './events.ts';
import {
  type Answer,
  attemptOf,
  granted,
  type Invocation,
  isInFlight,
  type Life,
  nonceOf,
  type Step,
  type Ticket,
  type World,
} from './life.ts';

/**
 * The life of an execution as contract §2 tells it, one event on: what the statements of `src/db` must do, written once
 * more, without SQL. An event that does not apply changes nothing.
 */
export function step({ life, tickets }: World, event: Event): readonly [World, Answer] {
  if (life === null) return [{ life, tickets }, null];
  const [next, answer, ticket] = stepOf(life, event, tickets);
  return [{ life: next, tickets: ticket ? [...tickets, ticket] : tickets }, answer];
}

function stepOf(life: Life, event: Event, tickets: readonly Ticket[]): Step {
  switch (event.kind) {
    case 'claim':
      return isClaimable(life) ? claim(life, event) : [life, null];
    case 'execute':
      return execute(life, event);
    case 'begin':
      return begin(life, event);
    case 'beat':
      return beat(life, event);
    case 'finish':
      return finish(life, event, tickets);
    case 'submitted':
    case 'plan':
    case 'report':
      return note(life, event.kind, tickets.at(-1 - event.ticket));
    case 'renew':
      return [life, life.leases[event.by] === 'live'];
    case 'drop':
      return [dropLease(life, event.by), null];
    case 'pass':
      return [pass(life, event.what), null];
    case 'cancel':
      return cancel(life);
    case 'takeLapsed':
      return takeLapsed(life);
    case 'dropDeadLeases':
      return [(['A', 'B'] as const).filter((by) => life.leases[by] === 'lapsed').reduce(dropLease, life), null];
    case 'takeChecks':
      return takeChecks(life);
    case 'expire':
      return life.state === 'QUEUED' && life.expiry === 'passed' ? [close(life, 'EXPIRED'), 1] : [life, 0];
    case 'promote':
      return life.state === 'QUEUED' && !life.ready && life.due ? [{ ...life, ready: true }, 1] : [life, 0];
    case 'retry':
      return mayRetry(life.state)
        ? [requeue(life), { before: life.state, moved: true }]
        : [life, { before: life.state, moved: false }];
    case 'purge':
      return isFinal(life.state) ? [null, 1] : [life, 0];
  }
}

const isClaimable = (life: Life): boolean => life.state === 'QUEUED' && life.ready && life.expiry !== 'passed';

function claim(life: Life, { runner, by }: { runner: 'inline' | 'ray_job'; by: Invocation }): Step {
  const ticket = { attempt: life.attempt + 1, epoch: life.epoch + 1 };
  const next: Life = {
    ...life,
    ...ticket,
    state: 'RUNNING',
    version: life.version + 1,
    runner,
    nonce: null,
    holder: by,
    ready: false,
    checkDue: false,
    leases: { ...life.leases, [by]: 'live' },
    running: runner === 'inline' ? 0 : 1,
  };
  return [next, ticket, ticket];
}

function execute(life: Life, event: Of<'execute'>): Step {
  const isDue = life.ready || life.due;
  if (life.state === 'QUEUED') return event.force || isDue ? claim(life, event) : [life, 'not_due'];
  if (!event.allowRetry || !isRetriable(life.state)) return [life, 'not_executable'];
  return claim({ ...life, maxAttempts: life.attempt + granted, due: true, expiry: renewed(life) }, event);
}

function begin(life: Life, { driver }: Of<'begin'>): Step {
  const nonce = nonceOf(life, driver);
  const isCurrent = attemptOf(life, driver) === life.attempt && life.state === 'RUNNING' && life.runner === 'ray_job';
  if (!isCurrent || (life.nonce !== null && life.nonce !== nonce)) return [life, false];
  const grown = life.nonce === null ? 1 : 0;
  const { version, epoch } = life;
  return [{ ...life, nonce, version: version + grown, epoch: epoch + grown, holder: null, checkDue: false }, true];
}

function beat(life: Life, { driver, progress }: Of<'beat'>): Step {
  if (!isInFlight(life) || life.nonce !== nonceOf(life, driver)) return [life, null];
  return [{ ...life, version: life.version + (progress ? 1 : 0) }, { cancel: life.state === 'CANCELLING' }];
}

function note(life: Life, kind: 'submitted' | 'plan' | 'report', ticket: Ticket | undefined): Step {
  if (!ticket || ticket.epoch !== life.epoch || !isInFlight(life)) return [life, kind === 'report' ? false : null];
  if (kind === 'plan') return [{ ...life, checkDue: false }, null];
  if (kind === 'submitted') return [life.nonce === null ? { ...life, holder: null, checkDue: false } : life, null];
  return life.state === 'RUNNING' ? [{ ...life, version: life.version + 1 }, true] : [life, false];
}

/** Whether nobody's lease covers it any more. */
const isUncovered = ({ holder, leases }: Life): boolean => holder === null || leases[holder] !== 'live';

/** The holder of code that runs inline, by whose lease alone it is found. */
const holderInline = (life: Life): Invocation | null =>
  isInFlight(life) && life.runner === 'inline' ? life.holder : null;

const dropLease = (life: Life, by: Invocation): Life =>
  holderInline(life) === by ? life : { ...life, leases: { ...life.leases, [by]: 'none' } };

function takeLapsed(life: Life): Step {
  const ticket = { attempt: life.attempt, epoch: life.epoch };
  const holder = holderInline(life);
  return holder !== null && life.leases[holder] === 'lapsed' ? [life, ticket, ticket] : [life, null];
}

function takeChecks(life: Life): Step {
  if (!isInFlight(life) || life.runner !== 'ray_job' || !life.checkDue || !isUncovered(life)) return [life, null];
  const ticket = { attempt: life.attempt, epoch: life.epoch + 1 };
  return [{ ...life, epoch: ticket.epoch, holder: null, checkDue: false }, ticket, ticket];
}

function pass(life: Life, what: Of<'pass'>['what']): Life {
  if (what === 'due') return { ...life, due: true };
  if (what === 'expiry') return { ...life, expiry: life.expiry === 'never' ? 'never' : 'passed' };
  if (what === 'check') return { ...life, checkDue: isInFlight(life) };
  return { ...life, leases: { ...life.leases, [what]: life.leases[what] === 'none' ? 'none' : 'lapsed' } };
}

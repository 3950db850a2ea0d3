import type { AttemptState } from '../../../src/core/attempt.ts';
import type { State } from '../../../src/core/execution.ts';
import type { Fence, Of } from './events.ts';
import { attemptOf, granted, hasBegun, isInFlight, type Life, nonceOf, type Step, type Ticket } from './life.ts';

/** By `allow_retry`, which also claims. */
export const isRetriable = (state: State): boolean => ['FAILED', 'LOST', 'EXPIRED'].includes(state);
/** By an explicit retry. */
export const mayRetry = (state: State): boolean => isRetriable(state) || state === 'CANCELLED';
/** The queue timeout runs anew. */
export const renewed = (life: Life): Life['expiry'] => (life.expiry === 'never' ? 'never' : 'ahead');

/** An explicit retry. */
export const requeue = (life: Life): Life => ({
  ...life,
  state: 'QUEUED',
  maxAttempts: life.attempt + granted,
  version: life.version + 1,
  epoch: life.epoch + 1,
  ready: true,
  due: true,
  expiry: renewed(life),
});

function isFenced(life: Life, fence: Fence, tickets: readonly Ticket[]): boolean {
  if ('driver' in fence)
    return attemptOf(life, fence.driver) === life.attempt && life.nonce === nonceOf(life, fence.driver);
  const ticket = tickets.at(-1 - fence.ticket);
  return ticket?.attempt === life.attempt && ticket.epoch === life.epoch;
}

/** The end of an attempt, as one says who may be anybody. */
export function finish(life: Life, event: Of<'finish'>, tickets: readonly Ticket[]): Step {
  if (!isInFlight(life) || !isFenced(life, event.fence, tickets)) return [life, null];
  const { ending } = event;
  const unstarted = ending === 'RELEASED' || ending === 'NEVER_BEGAN';
  if (life.state === 'CANCELLING') return [end(life, 'CANCELLED', 'CANCELLED'), 'CANCELLED'];
  const again =
    unstarted ||
    (ending !== 'SUCCEEDED' && ending !== 'CANCELLED' && event.retryable && life.attempt < life.maxAttempts);
  if (!again) return [end(life, ending, ending), ending];
  const queued = end(life, 'QUEUED', unstarted ? 'RELEASED' : ending);
  const maxAttempts = life.maxAttempts + (unstarted ? 1 : 0);
  const wait = ending === 'RELEASED' ? { ready: true } : { ready: !event.delayed, due: !event.delayed };
  return [{ ...queued, maxAttempts, ...wait, expiry: unstarted ? life.expiry : renewed(life) }, 'QUEUED'];
}

/** An attempt in flight is over. */
const end = (life: Life, state: State, as: AttemptState): Life => ({
  ...close(life, state),
  holder: null,
  checkDue: false,
  ended: [...life.ended, as],
  running: 0,
});

/** The execution leaves the state it is in, and every ticket is stale. */
export const close = (life: Life, state: State): Life => ({
  ...life,
  state,
  version: life.version + 1,
  epoch: life.epoch + 1,
  ready: false,
});

export function cancel(life: Life): Step {
  const answer = (after: State) => ({ before: life.state, after, attempt: life.attempt });
  if (life.state === 'QUEUED') return [close(life, 'CANCELLED'), answer('CANCELLED')];
  if (life.state !== 'RUNNING') return [life, answer(life.state)];
  if (!hasBegun(life)) return [end(life, 'CANCELLED', 'CANCELLED'), answer('CANCELLED')];
  return [{ ...life, state: 'CANCELLING', version: life.version + 1, checkDue: true }, answer('CANCELLING')];
}

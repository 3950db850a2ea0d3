import { type SQL, sql } from 'drizzle-orm';
import type { State } from '../../core/execution.ts';
import { type Executor, now, seconds } from '../db.ts';
import { countUp, extendLease, freeSlots, type RemoteClaimOptions, takeOver } from './claim.ts';
import { type Claimed, type ClaimedRow, shortInputOf, toClaimed } from './claimed.ts';
import { tally } from './tally.ts';

export interface ClaimOneOptions {
  readonly id: string;
  readonly invocationId: string;
  readonly leaseSeconds: number;
  /** Lets FAILED, LOST and EXPIRED run again: an explicit retry and a claim in one. */
  readonly allowRetry: boolean;
  /** Ignores `run_after`. */
  readonly force: boolean;
  /** The task's own maximum, which an explicit retry grants anew. */
  readonly grantedAttempts: number;
}

/** full: the cluster has no free slot. not_executable also covers a row that somebody else is changing at this moment. */
export type ClaimOneAnswer =
  | { readonly kind: 'claimed'; readonly claimed: Claimed }
  | { readonly kind: 'absent' | 'full' | 'not_due' }
  | { readonly kind: 'not_executable'; readonly state: State };

/** Claims one execution by its id, to run it here. Of two calls at once one gets it; the other learns why not. */
export const claimOneInline = (db: Executor, options: ClaimOneOptions): Promise<ClaimOneAnswer> =>
  claimOne(
    db,
    options,
    sql`
    with slot as materialized (select 1 as free),
    found as materialized (${find(options)}),
    due as materialized (${lock(options)}),
    claimed as (${takeOver(isDue, 'inline', null, options, renew(options))}),
    leased as (${extendLease(options)}),
    recounted as (${tally(retried, { sign: -1 })})
    ${read(shortInputOf(sql`c.id`))}`,
  );

export type ClaimOneRemoteOptions = ClaimOneOptions & Pick<RemoteClaimOptions, 'runner' | 'cluster' | 'concurrency'>;

/** The same on a cluster, within its capacity. */
export const claimOneRemote = (db: Executor, options: ClaimOneRemoteOptions): Promise<ClaimOneAnswer> =>
  claimOne(
    db,
    options,
    sql`
    with slot as materialized (${freeSlots(options)}),
    found as materialized (${find(options)}),
    due as materialized (${lock(options)}),
    claimed as (${takeOver(isDue, options.runner, options.cluster, options, renew(options))}),
    leased as (${extendLease(options)}),
    counted as (${countUp(options)}),
    recounted as (${tally(retried, { sign: -1 })})
    ${read(sql`null as input`)}`,
  );

/** The state that an explicit retry has left. */
const retried: SQL = sql`(select f.state from found f where exists (select from claimed)) r`;

const find = ({ id }: ClaimOneOptions): SQL => sql`
  select e.state, e.ready or e.due_at <= ${now} as is_due from mobula.executions e where e.id = ${id}`;

const lock = ({ id, allowRetry, force }: ClaimOneOptions): SQL => sql`
  select e.id from mobula.executions e
  where e.id = ${id} and (select free from slot) > 0 and (
    (e.state = 'QUEUED' and (${force} or e.ready or e.due_at <= ${now}))
    or (${allowRetry} and e.state in ('FAILED', 'LOST', 'EXPIRED')))
  for no key update skip locked`;

const isDue: SQL = sql`e.id = (select id from due)`;

/** An explicit retry is due now, with the task's attempts and its queue timeout anew. */
const renew = ({ grantedAttempts }: ClaimOneOptions): SQL => sql`,
    max_attempts = case when e.state = 'QUEUED' then e.max_attempts else e.attempt + ${grantedAttempts}::integer end,
    due_at = case when e.state = 'QUEUED' then e.due_at else ${now} end,
    expires_at = case when e.state = 'QUEUED' then e.expires_at else ${now} + ${seconds(sql`e.queue_timeout_seconds`)} end`;

const read = (input: SQL): SQL => sql`
  select f.state as found_state, f.is_due, (select free from slot) as free, c.*, ${input}
  from found f left join claimed c on true`;

type Row = ClaimedRow & { id: string | null; found_state: State; is_due: boolean; free: number | null };

async function claimOne(db: Executor, options: ClaimOneOptions, statement: SQL): Promise<ClaimOneAnswer> {
  const [row] = await db.execute<Row>(statement);
  if (!row) return { kind: 'absent' };
  if (row.id !== null) return { kind: 'claimed', claimed: toClaimed(row) };
  const retriable = options.allowRetry && ['FAILED', 'LOST', 'EXPIRED'].includes(row.found_state);
  if (row.found_state !== 'QUEUED' && !retriable) return { kind: 'not_executable', state: row.found_state };
  if (row.found_state === 'QUEUED' && !row.is_due && !options.force) return { kind: 'not_due' };
  return row.free === 0 ? { kind: 'full' } : { kind: 'not_executable', state: 'RUNNING' };
}

import { type SQL, sql } from 'drizzle-orm';
import type { RunnerName } from '../../core/runner.ts';
import type { TaskForm } from '../../core/task.ts';
import { type Executor, now, seconds, tableOf } from '../db.ts';
import { type Claimed, type ClaimedRow, columnsWithInput, inLine, readClaimed, toClaimed } from './claimed.ts';

/** Where due executions wait in line: those of one queue that can run in the same ways. */
export interface Lane {
  readonly form: TaskForm;
  readonly queue: string;
}

export interface ClaimOptions {
  readonly lanes: readonly Lane[];
  readonly limit: number;
  readonly invocationId: string;
  readonly leaseSeconds: number;
  /**
   * Goes on in the one lane there is behind this execution, among those of its priority: what lies before it is not even
   * looked at. Nothing, where one of a higher priority is due. Null, as unless said, for the head of the line.
   */
  readonly after?: string | null;
}

/**
 * Puts up to `limit` due executions of the lanes under this invocation's lease, as attempts that begin at once, in
 * order of priority, due time and id. Empty means that nothing is due. Not repeatable: an answer that was lost leaves
 * its rows to the lease.
 */
export const claimInline = (db: Executor, options: ClaimOptions): Promise<Claimed[]> =>
  claim(
    db,
    sql`
    with due as materialized (${dueIn(options)}),
    claimed as (${takeOver(inPlace, 'inline', null, options)}),
    leased as (${extendLease(options)})
    select ${columnsWithInput} from claimed c ${inLine}`,
  );

/**
 * The same behind a gate: null, and nothing is done, while another claim is inside by the same `turnstile` (0 up to
 * `limits.claimsAtOnce`). Many large claims at once step over each other's rows, and together take fewer than a few do.
 */
export async function claimInlineAtGate(
  db: Executor,
  options: ClaimOptions,
  turnstile: number,
): Promise<Claimed[] | null> {
  const rows = await db.execute<ClaimedRow | { id: null; open: boolean }>(sql`
    with gate as materialized (select pg_try_advisory_xact_lock(${gateNumber}, ${turnstile}::integer) as open),
    due as materialized (${dueIn(options, sql`(select open from gate)`)}),
    claimed as (${takeOver(inPlace, 'inline', null, options)}),
    leased as (${extendLease(options)})
    select gate.open, ${columnsWithInput} from gate left join claimed c on true ${inLine}`);
  const [first] = rows;
  if (first?.id === null) return first.open ? [] : null;
  return (rows as ClaimedRow[]).map(toClaimed);
}

/** Ours among a database's advisory locks; the lock ends with the statement, so it works through any pooler. */
const gateNumber = sql.raw('1836016236');

export interface RemoteClaimOptions extends ClaimOptions {
  readonly runner: Exclude<RunnerName, 'inline'>;
  readonly cluster: string;
  /** Attempts that may be in flight on this cluster, over all invocations. */
  readonly concurrency: number;
}

/**
 * The same for attempts on a cluster, which begin later by their driver's own call. The cluster's row in `capacity` is
 * locked first and counted up in the same statement, so that no number of parallel calls exceeds `concurrency`; without
 * that row (`openCapacity`) nothing is claimed.
 */
export const claimRemote = (db: Executor, options: RemoteClaimOptions): Promise<Claimed[]> =>
  claim(
    db,
    sql`
    with slot as materialized (${freeSlots(options)}),
    candidates as materialized (${dueIn(options)}),
    due as (select * from candidates order by priority desc, due_at, id limit coalesce((select free from slot), 0)),
    claimed as (${takeOver(inPlace, options.runner, options.cluster, options)}),
    leased as (${extendLease(options)}),
    counted as (${countUp(options)})
    ${readClaimed}`,
  );

/** Makes sure that a cluster has its row; free where it has. */
export async function openCapacity(db: Executor, runner: RunnerName, cluster: string): Promise<void> {
  await db.execute(
    sql`insert into mobula.capacity (runner, cluster) values (${runner}, ${cluster}) on conflict do nothing`,
  );
}

/**
 * The due rows, locked; those that another session holds are passed over. One ordered index scan for each lane, merged:
 * neither another lane's backlog nor the delayed rows are visited. Materialized by its callers, because a locking
 * select that the planner repeats takes more than its limit.
 */
function dueIn({ lanes, limit, after = null }: ClaimOptions, isOpen: SQL = sql`true`): SQL {
  return sql`
  select d.place, d.id, d.priority, d.due_at
  from ${tableOf(lanes, { form: 'mobula.task_form', queue: 'text' })} as lane(form, queue)
  cross join lateral (
    select e.ctid as place, e.id, e.priority, e.due_at from mobula.executions e
    where ${isOpen} and e.state = 'QUEUED' and e.ready and e.form = lane.form and e.queue = lane.queue
      and (e.expires_at is null or e.expires_at > ${now}) ${after === null ? sql`` : behind(after)}
    order by e.priority desc, e.due_at, e.id
    limit ${limit}
    for no key update skip locked
  ) d
  order by d.priority desc, d.due_at, d.id
  limit ${limit}`;
}

/** Of the same priority and later; nothing at all where one of a higher priority is due, found by the order of the index. */
const behind = (id: string): SQL => sql`
  and e.priority = (select priority from mobula.executions where id = ${id})
  and (e.due_at, e.id) > (select due_at, id from mobula.executions where id = ${id})
  and (
    select h.id from mobula.executions h
    where h.state = 'QUEUED' and h.ready and h.form = lane.form and h.queue = lane.queue
      and h.priority > (select priority from mobula.executions where id = ${id})
    order by h.priority desc, h.due_at, h.id limit 1) is null`;

export const freeSlots = (options: { runner: RunnerName; cluster: string; concurrency: number }): SQL => sql`
  select greatest(0, ${options.concurrency} - running) as free from mobula.capacity
  where runner = ${options.runner} and cluster = ${options.cluster} for update`;

/**
 * The locked rows where they lie, for no index need be asked again. A row that moved between the statement's snapshot and
 * its lock, and is due all the same, is left to the next claim.
 */
const inPlace: SQL = sql`e.ctid = any(array(select place from due))`;

/** RUNNING, with the next attempt's number, under our lease. `isPicked` finds the rows, locked; `also` sets further columns. */
export const takeOver = (
  isPicked: SQL,
  runner: RunnerName,
  cluster: string | null,
  options: { invocationId: string; leaseSeconds: number },
  also: SQL = sql``,
): SQL => sql`
  update mobula.executions e
  set state = 'RUNNING', attempt = e.attempt + 1, epoch = e.epoch + 1, version = e.version + 1, ready = false,
    runner = ${runner}, cluster = ${cluster},
    holder = ${options.invocationId}, claimed_at = ${now}, started_at = coalesce(e.started_at, ${now}),
    begun_at = ${runner === 'inline' ? now : null}, check_at = ${now} + ${seconds(options.leaseSeconds)},
    beat_at = null, ray_ended_at = null, finished_at = null, nonce = null, ray_session = null, shared_job = null, progress = null${also}
  where ${isPicked}
  returning e.id, e.task, e.attempt, e.epoch, e.max_attempts, e.timeout_seconds, e.priority, e.due_at`;

export const extendLease = ({ invocationId, leaseSeconds }: { invocationId: string; leaseSeconds: number }): SQL => sql`
  insert into mobula.invocations (id, lease_until)
  select ${invocationId}, ${now} + ${seconds(leaseSeconds)} where exists (select from claimed)
  on conflict (id) do update set lease_until = excluded.lease_until`;

export const countUp = ({ runner, cluster }: { runner: RunnerName; cluster: string }): SQL => sql`
  update mobula.capacity set running = running + (select count(*) from claimed), changes = changes + 1
  where runner = ${runner} and cluster = ${cluster} and exists (select from claimed)`;

const claim = async (db: Executor, statement: SQL): Promise<Claimed[]> =>
  (await db.execute<ClaimedRow>(statement)).map(toClaimed);

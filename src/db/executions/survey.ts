import { type SQL, sql } from 'drizzle-orm';
import type { TaskForm } from '../../core/task.ts';
import { type Executor, list, now, toDate, toDateOrNull } from '../db.ts';
import { isOnCluster } from '../in-flight.ts';
import { holdsNothing } from '../lease.ts';
import type { PlannedSchedule } from '../schedules.ts';
import type { Lane, RemoteClaimOptions } from './claim.ts';

/** A lane in which something can be claimed; `place` 1 has the execution that is first in line of all. */
export interface ReadyLane extends Lane {
  readonly place: number;
}

/** What there is to do now, and when there will be something: a hint, true when it was read, by which work is planned. */
export interface Survey {
  readonly lanes: readonly ReadyLane[];
  readonly delayedDue: boolean;
  readonly expired: boolean;
  readonly lapsed: boolean;
  readonly checksDue: boolean;
  /** Records of ended jobs on the clusters asked about that may be deleted; nothing waits for them, so they do not count in `nextWakeAt`. */
  readonly recordsDue: boolean;
  /** So many counts were appended that they should be folded. */
  readonly talliesLong: boolean;
  /** Whether the cluster asked about has no free slot. */
  readonly full: boolean;
  /** The breaker: whether that cluster has not answered a moment ago, and is not to be asked. Its checks are not due then. */
  readonly away: boolean;
  /** Every schedule that was ever planned, by name. */
  readonly schedules: ReadonlyMap<string, PlannedSchedule>;
  /**
   * Null where nothing is planned; lanes that are ready now do not count, and where one of them is the caller's own, what
   * expires is not looked for either.
   */
  readonly nextWakeAt: Date | null;
  /** When this was seen. */
  readonly seenAt: Date;
}

export interface SurveyScope {
  /** The forms that the caller can run itself. */
  readonly here: readonly TaskForm[];
  /** Those that it can start on a cluster. */
  readonly elsewhere?: readonly TaskForm[];
  /** Null for every queue there is. */
  readonly queues: readonly string[] | null;
  /** The cluster whose slots matter, if there is one. */
  readonly capacity?: Pick<RemoteClaimOptions, 'runner' | 'cluster' | 'concurrency'> | null;
  /** The clusters that keep a record of each attempt until it is deleted. */
  readonly keepers?: readonly string[];
}

/**
 * One look at everything, in a few index probes at any table size: queues are found by skipping through the claim's
 * index, never by reading a backlog. It writes nothing, so an idle database stays idle.
 */
export async function survey(
  db: Executor,
  { here, elsewhere = [], queues, capacity = null, keepers = [] }: SurveyScope,
): Promise<Survey> {
  const [row] = await db.execute<{
    lanes: string | null;
    delayed_due: boolean;
    expired: boolean;
    lapsed: boolean;
    checks_due: boolean;
    records_due: boolean;
    tallies_long: boolean;
    is_full: boolean;
    is_away: boolean;
    schedules: string | null;
    next_wake_at: Date | string | null;
    seen_at: Date | string;
  }>(sql`
    with recursive lane as (
      select f.form, head.* from unnest(enum_range(null::mobula.task_form)) as f(form)
        cross join lateral (${headOf(sql`f.form`, sql``)}) head
      union all
      select l.form, head.* from lane l cross join lateral (${headOf(sql`l.form`, sql`and e.queue > l.queue`)}) head
    ),
    placed as (
      select form, queue, row_number() over (order by priority desc, due_at, id) as place from lane
      where form = any(${list([...here, ...elsewhere], 'mobula.task_form')})
        and (${queues === null} or queue = any(${list(queues ?? [], 'text')}))
    ),
    delayed as (select min(due_at) as at from mobula.executions where state = 'QUEUED' and not ready),
    expiring as (
      select case
        when exists (select from placed where form = any(${list(here, 'mobula.task_form')})) then null
        when delayed.at is null and not exists (select from lane) then null
        else (select min(expires_at) from mobula.executions where state = 'QUEUED' and expires_at is not null)
      end as at from delayed
    ),
    slots as (
      select coalesce(max(running) >= ${capacity?.concurrency ?? null}, false) as is_full, max(away_until) as away_until
      from mobula.capacity where runner::text = ${capacity?.runner ?? null} and cluster = ${capacity?.cluster ?? null}
    ),
    held as (select min(i.lease_until) as until from mobula.invocations i where not ${holdsNothing(sql`i.id`)}),
    checks as (
      select min(greatest(e.check_at, i.lease_until, slots.away_until)) as at
      from slots, mobula.executions e left join mobula.invocations i on i.id = e.holder
      where ${isOnCluster}
    )
    select
      (select json_agg(json_build_array(p.form, p.queue, p.place))::text from placed p) as lanes,
      coalesce(delayed.at <= ${now}, false) as delayed_due,
      exists (select from mobula.executions where state = 'QUEUED' and expires_at <= ${now}) as expired,
      coalesce(held.until <= ${now}, false) as lapsed, coalesce(checks.at <= ${now}, false) as checks_due,
      coalesce((select min(oldest.at) from unnest(${list(keepers, 'text')}) as keeper(cluster) cross join lateral (
        select min(ray_record_until) as at from mobula.attempts
        where ray_record_until is not null and cluster = keeper.cluster) oldest) <= ${now}, false) as records_due,
      exists (select from mobula.final_tallies offset 1000) as tallies_long,
      (select json_agg(json_build_array(s.name, s.timetable, floor(extract(epoch from s.next_at) * 1000)))::text
        from mobula.schedules s) as schedules,
      slots.is_full, coalesce(slots.away_until > ${now}, false) as is_away,
      least(delayed.at, expiring.at, held.until, checks.at) as next_wake_at, ${now} as seen_at
    from delayed, expiring, held, checks, slots`);
  if (!row) throw new RangeError('A survey always has one row.');
  const lanes: [TaskForm, string, number][] = row.lanes ? JSON.parse(row.lanes) : [];
  return {
    lanes: lanes.map(([form, queue, place]) => ({ form, queue, place })),
    delayedDue: row.delayed_due,
    expired: row.expired,
    lapsed: row.lapsed,
    checksDue: row.checks_due,
    recordsDue: row.records_due,
    talliesLong: row.tallies_long,
    full: row.is_full,
    away: row.is_away,
    schedules: toSchedules(row.schedules),
    nextWakeAt: toDateOrNull(row.next_wake_at),
    seenAt: toDate(row.seen_at),
  };
}

/** The first in line of a form's first queue: lane and head in one probe. */
const headOf = (form: SQL, further: SQL): SQL => sql`
  select e.queue, e.priority, e.due_at, e.id from mobula.executions e
  where e.state = 'QUEUED' and e.ready and e.form = ${form} ${further}
  order by e.queue, e.priority desc, e.due_at, e.id limit 1`;

/** Their instants are whole minutes, and so exact in milliseconds. */
function toSchedules(text: string | null): ReadonlyMap<string, PlannedSchedule> {
  const rows: [name: string, timetable: string, nextMs: number | null][] = JSON.parse(text ?? '[]');
  return new Map(
    rows.map(([name, timetable, ms]) => [name, { name, timetable, nextAt: ms === null ? null : new Date(ms) }]),
  );
}

import { limits } from '../core/limits.ts';
import type { RunnerHealth } from '../core/runner.ts';
import { type ReadyLane, type Survey, survey } from '../db/executions/survey.ts';
import { askHealth } from './breaker.ts';
import { type Budget, makeBudget } from './budget.ts';
import { deleteRecords } from './delete-records.ts';
import { dispatchInline } from './dispatch-inline.ts';
import { dispatchRemote } from './dispatch-remote.ts';
import type { Engine } from './engine.ts';
import { findScheduleWork, fireSchedules, type ScheduleWork } from './fire-schedules.ts';
import { checkQueue } from './prepare.ts';
import { reconcile } from './reconcile.ts';
import { emptyReport, type Report } from './report.ts';
import { formsOf } from './runner-of.ts';
import { sweep } from './sweep.ts';

export interface RunOptions {
  /** Null for every queue that is allowed. */
  readonly queues: readonly string[] | null;
  /** 0 for as many as fit. */
  readonly maxTasks: number;
  /** The time this call may take. */
  readonly seconds: number;
}

export interface RunAnswer extends Report {
  /** Something is claimable now and only budget or count stopped us. */
  readonly remaining: boolean;
  readonly nextWakeAt: Date | null;
  readonly ray: RayWord;
}

export type RayWord = 'ok' | 'unreachable' | 'none';

/**
 * All that a resident worker would do, once: fire schedules, recover, expire, promote, reconcile, claim, start, finish. Bounded by its
 * time, safe to overlap with itself, and to be cut off anywhere: the next one goes on from the rows. With nothing to do
 * it is one statement. Twice and more where a lot was claimed, for large claims pass by what joins the line behind them.
 */
export async function run(engine: Engine, options: RunOptions): Promise<RunAnswer> {
  for (const queue of options.queues ?? []) checkQueue(queue, engine.settings.queues);
  const budget = makeBudget(engine, options.seconds, options.maxTasks);
  const report = emptyReport();
  const before = await look(engine, options);
  const health = engine.ray && (await askHealth(engine, engine.ray, before.away));
  const isClaimable = ({ lanes, full }: Survey) =>
    servable(engine, lanes, health?.reachable === true && !full).length > 0;
  let seen = before;
  let schedules = findScheduleWork(engine, seen);
  for (let isMore = isBusy(seen, schedules); isMore; ) {
    const claimed = await work(engine, { seen, schedules, health, options, budget, report });
    seen = await look(engine, options);
    schedules = findScheduleWork(engine, seen);
    isMore = isClaimable(seen) && claimed >= limits.gatedClaim && !budget.isSpent();
  }
  const claimable = isClaimable(seen);
  return {
    ...report,
    remaining: claimable && budget.isSpent(),
    nextWakeAt: claimable ? seen.seenAt : earlier(seen.nextWakeAt, schedules.nextAt),
    ray: toRayWord(health),
  };
}

interface Work {
  readonly seen: Survey;
  readonly schedules: ScheduleWork;
  readonly health: RunnerHealth | null;
  readonly options: RunOptions;
  readonly budget: Budget;
  readonly report: Report;
}

/** Answers how many executions it claimed. */
async function work(engine: Engine, { seen, schedules, health, options, budget, report }: Work): Promise<number> {
  const { enqueued, processed } = report;
  await fireSchedules(engine, schedules, { seenAt: seen.seenAt, report });
  await sweep(engine, seen, report);
  const isMoved = seen.lapsed || seen.delayedDue || report.enqueued > enqueued;
  const { lanes } = isMoved ? await look(engine, options) : seen;
  await Promise.all([
    seen.checksDue ? reconcile(engine, { health, report }) : undefined,
    seen.recordsDue && health?.reachable ? deleteRecords(engine) : undefined,
    dispatch(engine, servable(engine, lanes, health?.reachable === true), { budget, report }),
  ]);
  return report.processed - processed;
}

/** Both runners at once, unless the count is limited: then the one whose head is first in line goes first. */
async function dispatch(
  engine: Engine,
  lanes: readonly ReadyLane[],
  spent: { budget: Budget; report: Report },
): Promise<void> {
  const { inline: inlineForms } = formsOf(engine);
  const inline = lanes.filter(({ form }) => inlineForms.includes(form));
  const remote = lanes.filter(({ form }) => !inlineForms.includes(form));
  const goInline = async () => inline.length > 0 && dispatchInline(engine, inline, spent);
  const goRemote = async () => remote.length > 0 && engine.ray && dispatchRemote(engine, engine.ray, remote, spent);
  if (!spent.budget.isCounted) return void (await Promise.all([goRemote(), goInline()]));
  const inlineFirst = inline.length > 0 && comesFirst(inline, remote);
  for (const go of inlineFirst ? [goInline, goRemote] : [goRemote, goInline]) await go();
}

/** Whether the first in line of `lanes` comes before that of `others`. */
function comesFirst(lanes: readonly ReadyLane[], others: readonly ReadyLane[]): boolean {
  const head = (of: readonly ReadyLane[]) => Math.min(...of.map(({ place }) => place));
  return head(lanes) < head(others);
}

/** What this call can serve: where Ray does not answer, or is full, its lanes wait. */
function servable(engine: Engine, lanes: readonly ReadyLane[], onRay: boolean): readonly ReadyLane[] {
  const { inline } = formsOf(engine);
  return onRay ? lanes : lanes.filter(({ form }) => inline.includes(form));
}

function look(engine: Engine, { queues }: RunOptions): Promise<Survey> {
  const { inline, remote } = formsOf(engine);
  const { ray, remotes, settings } = engine;
  return survey(engine.db, {
    here: inline,
    elsewhere: remote,
    queues: queues ?? settings.queues,
    capacity: ray && { runner: ray.name, cluster: ray.cluster, concurrency: settings.concurrency },
    keepers: remotes.filter(({ keepsRecords }) => keepsRecords).map(({ cluster }) => cluster),
  });
}

const isBusy = (seen: Survey, { unplanned, due }: ScheduleWork): boolean =>
  unplanned.length > 0 ||
  due.length > 0 ||
  seen.lanes.length > 0 ||
  seen.delayedDue ||
  seen.expired ||
  seen.lapsed ||
  seen.checksDue ||
  seen.recordsDue ||
  seen.talliesLong;

const earlier = (one: Date | null, other: Date | null): Date | null =>
  one === null || (other !== null && other < one) ? other : one;

const toRayWord = (health: RunnerHealth | null): RayWord => {
  if (!health) return 'none';
  return health.reachable ? 'ok' : 'unreachable';
};

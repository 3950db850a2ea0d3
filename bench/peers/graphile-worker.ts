import { EventEmitter } from 'node:events';
import { Logger, makeWorkerUtils, type Runner, run, type WorkerEvents } from 'graphile-worker';
import pg from 'pg';
import { expectAll, inputOf, machineMs, shared, sizes, timed } from '../queue/contestant.ts';
import { serveContestant } from '../queue/serve-contestant.ts';

// As its page on performance sets it: a local queue of 500 and completions together; 24 jobs at once over 25 connections.

const [connectionString = ''] = process.argv.slice(2);
const silent = new Logger(() => () => undefined);
const utils = await makeWorkerUtils({ connectionString, maxPoolSize: sizes.inFlight, logger: silent });
await utils.migrate();
const admin = new pg.Pool({ connectionString, max: 1 });

const preset = (batch: number) => ({
  worker: {
    connectionString,
    concurrentJobs: 24,
    maxPoolSize: 25,
    localQueue: { size: batch },
    completeJobBatchDelay: 0,
    failJobBatchDelay: 0,
    logger: silent,
  },
});

const batchOf = (count: number, bytes: number) =>
  Array.from({ length: count }, () => ({ identifier: 'nothing', payload: inputOf(bytes) }));

/** Starts a worker; `created` is when it had connected and began to look. */
async function start(batch: number, taskList: Record<string, (payload: unknown) => void>) {
  const events: WorkerEvents = new EventEmitter();
  let created = Number.NaN;
  events.once('localQueue:init', () => (created = performance.now()));
  const runner: Runner = await run({ preset: preset(batch), taskList, events, noHandleSignals: true });
  return { runner, created: () => created };
}

/** Completions go on for a moment after the last job has run. */
async function untilEmpty(): Promise<void> {
  const left = 'select exists (select from graphile_worker._private_jobs) as left';
  while ((await admin.query(left)).rows[0].left) await new Promise(setImmediate);
}

serveContestant({
  async clear() {
    await admin.query('truncate graphile_worker._private_jobs');
  },

  async fill(count, bytes) {
    for (let left = count; left > 0; left -= sizes.batch)
      await utils.addJobs(batchOf(Math.min(left, sizes.batch), bytes));
  },

  async drain(count, batch) {
    const all = Promise.withResolvers<void>();
    let done = 0;
    const nothing = () => {
      done += 1;
      if (done === count) all.resolve();
    };
    const { runner, created } = await start(batch, { nothing });
    await all.promise;
    await untilEmpty();
    const time = performance.now() - created();
    await runner.stop();
    expectAll(done, count);
    return time;
  },

  enqueueMany: (count) =>
    timed(() => shared(count / sizes.batch, sizes.loops, () => utils.addJobs(batchOf(sizes.batch, 2)))),

  enqueueOne: (count) => timed(() => shared(count, sizes.inFlight, () => utils.addJob('nothing', {}))),

  async pickUp(count) {
    const times: number[] = [];
    let started = Promise.withResolvers<number>();
    const { runner } = await start(500, { stamp: () => started.resolve(machineMs()) });
    for (let n = 0; n < count; n += 1) {
      started = Promise.withResolvers();
      const from = machineMs();
      await utils.addJob('stamp', {});
      times.push((await started.promise) - from);
      await untilEmpty();
    }
    await runner.stop();
    return times;
  },
});

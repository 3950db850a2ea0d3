import pg from 'pg';
import { PgBoss } from 'pg-boss';
import { expectAll, inLoops, inputOf, machineMs, shared, sizes, timed } from '../queue/contestant.ts';
import { serveContestant } from '../queue/serve-contestant.ts';

// Fetched and completed in batches, which is the fastest way it has; jobs that are waited for come by LISTEN and NOTIFY.

const [connectionString = ''] = process.argv.slice(2);
const boss = new PgBoss({
  connectionString,
  max: sizes.inFlight,
  supervise: false,
  schedule: false,
  useListenNotify: true,
});
boss.on('error', (error) => console.error(error));
await boss.start();
await boss.createQueue('nothing');
await boss.createQueue('stamp', { notify: true });
const admin = new pg.Pool({ connectionString, max: 1 });

const batchOf = (count: number, bytes: number) => Array.from({ length: count }, () => ({ data: inputOf(bytes) }));

serveContestant({
  async clear() {
    await admin.query('truncate pgboss.job');
  },

  async fill(count, bytes) {
    for (let left = count; left > 0; left -= sizes.batch)
      await boss.insert('nothing', batchOf(Math.min(left, sizes.batch), bytes));
  },

  async drain(count, batch) {
    let done = 0;
    const time = await timed(async () => {
      done = await inLoops(sizes.loops, async () => {
        const jobs = await boss.fetch('nothing', { batchSize: batch });
        if (jobs.length === 0) return 0;
        await boss.complete(
          'nothing',
          jobs.map(({ id }) => id),
        );
        return jobs.length;
      });
    });
    expectAll(done, count);
    return time;
  },

  enqueueMany: (count) =>
    timed(() => shared(count / sizes.batch, sizes.loops, () => boss.insert('nothing', batchOf(sizes.batch, 2)))),

  enqueueOne: (count) => timed(() => shared(count, sizes.inFlight, () => boss.send('nothing', {}))),

  async pickUp(count) {
    const times: number[] = [];
    let started = Promise.withResolvers<number>();
    await boss.work('stamp', { pollingIntervalSeconds: 0.5 }, async () => started.resolve(machineMs()));
    for (let n = 0; n < count; n += 1) {
      started = Promise.withResolvers();
      const from = machineMs();
      await boss.send('stamp', {});
      times.push((await started.promise) - from);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await boss.offWork('stamp');
    return times;
  },
});

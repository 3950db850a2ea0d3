import { Pool } from 'pg';
import { connectDatabase } from '../../../src/db/connect.ts';
import { migrate } from '../../../src/db/migrate.ts';
import { configure, enqueue, enqueueMany } from '../../../src/index.ts';
import { expectAll, inputOf, machineMs, shared, sizes, timed } from '../contestant.ts';
import { serveContestant } from '../serve-contestant.ts';
import { nothing, stamp } from '../tasks.ts';
import { startMobula } from './mobula-server.ts';

// Mobula as an application uses it: enqueued by the library in this process, run by calls of `POST /run` to its server.

const [url = ''] = process.argv.slice(2);
await migrate(url);
configure({ tasks: [nothing, stamp] });
const db = connectDatabase(url, { connections: sizes.inFlight });
const admin = new Pool({ connectionString: url, max: 1 });
const server = await startMobula(url);

const batchOf = (count: number, bytes: number) =>
  Array.from({ length: count }, () => ({ task: nothing, input: inputOf(bytes) }));

serveContestant({
  async clear() {
    await admin.query(
      'truncate mobula.executions, mobula.inputs, mobula.attempts, mobula.invocations, mobula.final_tallies',
    );
  },

  async fill(count, bytes) {
    for (let left = count; left > 0; left -= sizes.batch) {
      await enqueueMany(db, batchOf(Math.min(left, sizes.batch), bytes));
    }
  },

  async drain(count, batch) {
    const body = JSON.stringify(batch < 500 ? { max_tasks: batch } : {});
    let done = 0;
    const time = await timed(async () => {
      await Promise.all(Array.from({ length: sizes.loops }, untilNothingRemains));
    });
    expectAll(done, count);
    return time;

    async function untilNothingRemains(): Promise<void> {
      for (let remaining = true; remaining; ) {
        const answer = await server.post('/run', body);
        done += answer.completed;
        remaining = answer.remaining;
      }
    }
  },

  enqueueMany: (count) =>
    timed(() => shared(count / sizes.batch, sizes.loops, () => enqueueMany(db, batchOf(sizes.batch, 2)))),

  enqueueOne: (count) => timed(() => shared(count, sizes.inFlight, () => enqueue(db, nothing, {}))),

  async pickUp(count) {
    const times: number[] = [];
    for (let n = 0; n < count; n += 1) {
      const from = machineMs();
      const { id } = await enqueue(db, stamp, {});
      await server.post('/run', '{}');
      const { rows } = await admin.query('select result from mobula.attempts where execution_id = $1', [id]);
      times.push(Number(rows[0].result) - from);
    }
    return times;
  },
});

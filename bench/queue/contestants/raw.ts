import { Pool } from 'pg';
import { expectAll, inLoops, inputOf, machineMs, shared, sizes, timed } from '../contestant.ts';
import { serveContestant } from '../serve-contestant.ts';

// The ceiling: the least SQL that is a queue, with prepared statements, and no code around it. To claim rows where they lie
// (ctid) instead of by their id makes no difference here.

const [connectionString = ''] = process.argv.slice(2);
// One plan for all batches: one that is made for an empty table, or for a batch of 500, reads the whole table.
const options = '-c plan_cache_mode=force_generic_plan';
const pool = new Pool({ connectionString, options, max: sizes.inFlight });
await pool.query(`
  create table jobs (
    id bigint generated always as identity primary key,
    due_at timestamptz not null default now(),
    leased_until timestamptz,
    holder integer,
    attempt integer not null default 0,
    priority smallint not null default 0,
    state smallint not null default 0,
    input text not null
  ) with (fillfactor = 80);
  create index jobs_due on jobs (priority desc, due_at, id) where state = 0`);

const insert = {
  name: 'insert',
  text: 'insert into jobs (input) select input from unnest($1::text[]) as input',
};
const claim = {
  name: 'claim',
  text: `update jobs set state = 1, attempt = attempt + 1, holder = $2, leased_until = now() + interval '1 minute'
    where id = any(array(
      select id from jobs where state = 0 and due_at <= now() order by priority desc, due_at, id limit $1
      for update skip locked))
    returning id, input`,
};
const finish = {
  name: 'finish',
  text: 'update jobs set state = 2, leased_until = null where id = any($1::bigint[]) and holder = $2 and state = 1',
};

/** The fence of each claim. */
let holder = 0;

const insertMany = (count: number, bytes: number) => {
  const input = JSON.stringify(inputOf(bytes));
  return pool.query({ ...insert, values: [Array.from({ length: count }, () => input)] });
};

serveContestant({
  async clear() {
    await pool.query('truncate jobs');
  },

  async fill(count, bytes) {
    for (let left = count; left > 0; left -= sizes.batch) await insertMany(Math.min(left, sizes.batch), bytes);
  },

  async drain(count, batch) {
    let done = 0;
    const time = await timed(async () => {
      done = await inLoops(sizes.loops, async () => {
        holder += 1;
        const mine = holder;
        const { rows } = await pool.query({ ...claim, values: [batch, mine] });
        if (rows.length === 0) return 0;
        const values = [rows.map(({ id }) => id), mine];
        return (await pool.query({ ...finish, values })).rowCount ?? 0;
      });
    });
    expectAll(done, count);
    return time;
  },

  enqueueMany: (count) => timed(() => shared(count / sizes.batch, sizes.loops, () => insertMany(sizes.batch, 2))),

  enqueueOne: (count) => timed(() => shared(count, sizes.inFlight, () => insertMany(1, 2))),

  async pickUp(count) {
    const times: number[] = [];
    for (let n = 0; n < count; n += 1) {
      const from = machineMs();
      await insertMany(1, 2);
      await pool.query({ ...claim, values: [1, 0] });
      times.push(machineMs() - from);
    }
    return times;
  },
});

import { Pool } from 'pg';
import { migrate } from '../../../src/db/migrate.ts';
import { newId } from '../../../src/new-id.ts';
import { shared, sizes, timed } from '../contestant.ts';
import { serveContestant } from '../serve-contestant.ts';

// What an enqueue of Mobula would cost if it were nothing but its rows: two inserts into its tables, prepared.

const [connectionString = ''] = process.argv.slice(2);
await migrate(connectionString);
const pool = new Pool({ connectionString, max: sizes.inFlight });

const insert = {
  name: 'insert',
  text: `with wanted as materialized (select id, input from unnest($1::uuid[], $2::text[]) as w(id, input)),
    stored as (
      insert into mobula.executions (id, task, form, queue, max_attempts, enqueued_at, due_at, ready, expires_at, queue_timeout_seconds)
      select id, 'nothing', 'inline', 'default', 3, now(), now(), true, now() + interval '1 day', 86400 from wanted)
    insert into mobula.inputs (execution_id, input) select id, input from wanted`,
};

const insertMany = (count: number) =>
  pool.query({ ...insert, values: [Array.from({ length: count }, newId), Array.from({ length: count }, () => '{}')] });

serveContestant({
  async clear() {
    await pool.query('truncate mobula.executions, mobula.inputs');
  },

  enqueueMany: (count) => timed(() => shared(count / sizes.batch, sizes.loops, () => insertMany(sizes.batch))),

  enqueueOne: (count) => timed(() => shared(count, sizes.inFlight, () => insertMany(1))),
});

import { Pool } from 'pg';
import { migrate } from '../../../src/db/migrate.ts';
import { type Connection, openConnection } from '../../http/connection.ts';
import { writeRequest } from '../../http/loader.ts';
import { machineMs, shared, sizes, timed } from '../contestant.ts';
import { serveContestant } from '../serve-contestant.ts';
import { nothing, stamp } from '../tasks.ts';
import { startMobula } from './mobula-server.ts';

// Mobula as a program without the library uses it: every call goes over HTTP.

const [url = ''] = process.argv.slice(2);
await migrate(url);
const admin = new Pool({ connectionString: url, max: 1 });
const server = await startMobula(url);
const wish = { task: nothing.name, input: {} };
const batch = JSON.stringify({ tasks: Array.from({ length: sizes.batch }, () => wish) });
const one = writeRequest({ method: 'POST', path: '/tasks', headers: server.headers, body: wish });

serveContestant({
  async clear() {
    await admin.query(
      'truncate mobula.executions, mobula.inputs, mobula.attempts, mobula.invocations, mobula.final_tallies',
    );
  },

  enqueueMany: (count) =>
    timed(() => shared(count / sizes.batch, sizes.loops, () => server.post('/tasks/batch', batch))),

  async enqueueOne(count) {
    const idle = Array.from({ length: sizes.inFlight }, () => openConnection(server.port));
    const all = [...idle];
    const time = await timed(() =>
      shared(count, sizes.inFlight, async () => {
        const connection = idle.pop() as Connection;
        await send(connection);
        idle.push(connection);
      }),
    );
    for (const connection of all) connection.close();
    return time;
  },

  async pickUp(count) {
    const times: number[] = [];
    for (let n = 0; n < count; n += 1) {
      const from = machineMs();
      const { task } = await server.post('/tasks', JSON.stringify({ task: stamp.name, input: {} }));
      await server.post('/run', '{}');
      const { rows } = await admin.query('select result from mobula.attempts where execution_id = $1', [task.id]);
      times.push(Number(rows[0].result) - from);
    }
    return times;
  },
});

const send = (connection: Connection): Promise<void> =>
  new Promise((resolve, reject) =>
    connection.send(one, (status) =>
      status === 201 ? resolve() : reject(new Error(`POST /tasks answered ${status}.`)),
    ),
  );

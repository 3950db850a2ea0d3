import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDatabase, type TestDatabase } from '../support/database.ts';
import { describeWithRay } from '../support/ray-cluster.ts';
import { type Server, startServer } from '../support/server.ts';

const folder = join(import.meta.dirname, '../support/poison');

/** What Python comes to, and the type of the error that is kept; null where it is a value after all. */
const kinds: Readonly<Record<string, string | null>> = {
  NaN: 'ValueError',
  bytes: 'TypeError',
  'a set': 'TypeError',
  itself: 'ValueError',
  'half of a pair': 'ValueError',
  'a NUL in a key': 'ValueError',
  'depth 65': 'ValueError',
  'depth 100,000': 'ValueError',
  'an integer beyond all doubles': 'RefusedResult',
  'an exception without a name': 'Exception',
  'an exception of poison': 'ValueError',
  'an exception that ends the program when asked': 'Silent',
  'progress of poison': null,
};

await describeWithRay('Poison on a real Ray', (ray) => {
  let database: TestDatabase;
  let server: Server;

  beforeAll(async () => {
    database = await createDatabase();
    server = await startServer({
      DATABASE_URL: database.url,
      RAY_ADDRESS: ray.url,
      MOBULA_TASKS: join(folder, 'tasks.ts'),
      MOBULA_RAY_RUNTIME_ENV: JSON.stringify({ env_vars: { PYTHONPATH: folder } }),
      MOBULA_DEFAULT_CONCURRENCY: '20',
      MOBULA_RESULT_GRACE_SECONDS: '20',
    });
  });

  afterAll(async () => {
    await server?.stop();
    await database?.drop();
  });

  /** Drives all of them as a cron would, until each is final, and answers them in order. */
  async function finish(ids: readonly string[]) {
    const end = performance.now() + 120_000;
    while (performance.now() < end) {
      await server.call('POST', '/run', {}, { prefer: 'wait=2' });
      const tasks = await Promise.all(ids.map(async (id) => (await server.call('GET', `/executions/${id}`)).json.task));
      if (tasks.every(({ poll_after_ms }) => poll_after_ms === null)) return tasks;
      await sleep(200);
    }
    throw new Error(`They did not end in time. ${server.log()}`);
  }

  test('every attempt ends by its own word, its neighbours succeed, and the odd and good comes back exact', async () => {
    const exact = '{"n":[9007199254740993,-9007199254740993,1.0,1e-7],"__proto__":"🦈\\u2028"}'.replace(
      '\\u2028',
      '\u2028',
    );
    const wishes = [
      ...Object.keys(kinds).map((kind) => `{"task":"poison","input":{"kind":${JSON.stringify(kind)}}}`),
      `{"task":"echo","input":{"value":${exact}}}`,
      '{"task":"echo","input":{"value":"well"}}',
    ];
    const { status, json } = await server.call('POST', '/tasks/batch', `{"tasks":[${wishes.join()}]}`);
    expect(status).toBe(201);
    const ids: string[] = json.tasks.map(({ task }: { task: { id: string } }) => task.id);

    const tasks = await finish(ids);

    const ends = Object.keys(kinds).map((kind, at) => [
      kind,
      tasks[at].state,
      tasks[at].error?.type ?? null,
      tasks[at].attempt,
    ]);
    expect(ends).toEqual(
      Object.entries(kinds).map(([kind, type]) => [kind, type === null ? 'SUCCEEDED' : 'FAILED', type, 1]),
    );
    const [reported, odd, well] = tasks.slice(-3);
    expect([reported.result, reported.progress, well.result]).toEqual([6, { refused: 6 }, 'well']);
    expect((await server.call('GET', `/executions/${odd.id}/result`)).text).toBe(exact.replace('1e-7', '1e-07'));
    const answers = await Promise.all(ids.map((id) => server.call('GET', `/status/${id}`)));
    expect(new Set(answers.map(({ status: code }) => code))).toEqual(new Set([200]));
    const message = tasks[Object.keys(kinds).indexOf('an exception of poison')].error.message;
    expect([message.slice(0, 6), message.length]).toEqual(['ab?c m', 4_095]); // cut at 4,096, and then the NUL is taken out
  });
});

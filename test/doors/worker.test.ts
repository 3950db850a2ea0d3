import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { subrequests } from '../support/doors/deployment.ts';
import { delivery, type OpenDoor, settings } from '../support/doors/door.ts';
import { openLoneWorker } from '../support/doors/lone-worker.ts';
import { openWorkers, type Workers } from '../support/doors/workers.ts';
import { FakeRay } from '../support/fake-ray.ts';
import { FakeS3 } from '../support/fake-s3.ts';
import { useFresh } from '../support/fresh.ts';
import { type NeonStandIn, startNeon } from '../support/neon.ts';

// What is special about Workers: connections of each call's own, counted requests, no boot, stores by fetch.

const fresh = useFresh([]);
const s3 = new FakeS3();
let ray: FakeRay;
let neon: NeonStandIn;
let workers: Workers;

beforeAll(async () => {
  [ray, neon] = await Promise.all([FakeRay.start(), startNeon(), s3.start()]);
  const database = { DATABASE_URL: fresh.url() };
  workers = await openWorkers([
    { name: 'plain', vars: database },
    { name: 'storing', vars: { ...database, ...s3.settings, MOBULA_MAX_RESULT_SIZE_BYTES: '1024' } },
    { name: 'wrong', vars: { ...database, MOBULA_QUEUE: 'x' } },
    { name: 'lost', vars: { DATABASE_URL: 'postgres://nobody:x@127.0.0.1:9/none' } },
  ]);
});
afterAll(() => Promise.all([workers?.close(), ray?.close(), neon?.close(), s3.close()]));
afterEach(() => ray.ledger.splice(0));

const headers = (token: string) => ({ 'content-type': 'application/json', authorization: `Bearer ${token}` });

async function enqueue(door: OpenDoor, task: string, inputs: readonly object[]): Promise<{ id: string }[]> {
  const body = JSON.stringify({ tasks: inputs.map((input) => ({ task, input })) });
  const { status, text } = await door.call({
    method: 'POST',
    path: '/tasks/batch',
    headers: headers(settings.MOBULA_ENQUEUE_TOKENS),
    body,
  });
  expect(status, text).toBe(201);
  return JSON.parse(text).tasks.map(({ task: made }: { task: { id: string } }) => made);
}

const run = async (door: OpenDoor) =>
  JSON.parse(
    (await door.call({ method: 'POST', path: '/run', headers: headers(settings.MOBULA_TRIGGER_TOKENS) })).text,
  );

const states = async () =>
  Object.fromEntries(
    (
      await fresh.sql<{ state: string; n: number }>(
        `select state::text, count(*)::int as n from mobula.executions group by 1`,
      )
    ).map(({ state, n }) => [state, n]),
  );

test('calls that come at once have connections of their own, and what they leave open is closed', async () => {
  const door = workers.door('plain');
  await enqueue(
    door,
    'nap',
    Array.from({ length: 30 }, () => ({ ms: 50 })),
  );
  const answers = await Promise.all(Array.from({ length: 8 }, () => run(door)));
  expect(answers.reduce((sum, { processed }) => sum + processed, 0)).toBe(30);
  expect(await states()).toEqual({ SUCCEEDED: 30 });
  await expect
    .poll(() =>
      fresh.sql(`select 1 from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`),
    )
    .toEqual([]);
});

test('the cron that is for it purges, and others do not', async () => {
  const door = workers.door('plain');
  await enqueue(door, 'shout', [{ word: 'a' }]);
  await workers.strike('plain', '*/5 * * * *');
  await fresh.sql(`update mobula.executions set finished_at = now() - interval '8 days'`);
  await workers.strike('plain', '* * * * *');
  expect(await states()).toEqual({ SUCCEEDED: 1 });
  await workers.strike('plain', '17 3 * * *');
  expect(await states()).toEqual({});
});

test('what a webhook delivers is run after its answer, kept alive by the platform', async () => {
  expect(await workers.door('plain').call(delivery)).toMatchObject({ status: 201 });
  await expect.poll(states).toEqual({ SUCCEEDED: 1 });
});

test('a database that is away is said so, and a cron that could not do its work is seen to have failed', async () => {
  const call = { method: 'POST', path: '/run', headers: headers(settings.MOBULA_TRIGGER_TOKENS) };
  const { status, text } = await workers.door('lost').call(call);
  expect({ status, code: JSON.parse(text).code }).toEqual({ status: 503, code: 'database_unavailable' });
  await expect(workers.door('lost').cron()).rejects.toThrow('exception');
});

test('settings that are wrong are told to the log by name, and every call answers so', async () => {
  const { status, text } = await workers.door('wrong').call({ method: 'GET', path: '/livez' });
  expect({ status, code: JSON.parse(text).code }).toEqual({ status: 500, code: 'misconfigured' });
  expect(workers.log()).toContain('MOBULA_QUEUE is not a setting; did you mean MOBULA_QUEUES?');
});

describe('requests, which are counted', () => {
  let door: OpenDoor;
  beforeAll(async () => {
    const overHttp = { MOBULA_DATABASE_DRIVER: 'neon-http', MOBULA_NEON_FETCH_ENDPOINT: neon.endpoint };
    const onRay = { RAY_ADDRESS: ray.url, MOBULA_PUBLIC_URL: 'https://mobula.example.com' };
    door = await openLoneWorker({ DATABASE_URL: fresh.url(), ...overHttp, ...onRay }, 'frugal-worker.ts');
  });
  afterAll(() => door?.close());

  /** What a call answers that made no more requests than it may. */
  async function withinBounds<T>(call: () => Promise<T>): Promise<T> {
    const spent = () => neon.counts.requests + ray.ledger.length;
    const before = spent();
    const answer = await call();
    expect(spent() - before).toBeLessThanOrEqual(subrequests);
    return answer;
  }

  test('are enough for each run, and what is left is for the next', async () => {
    await enqueue(
      door,
      'on_ray',
      Array.from({ length: 10 }, () => ({})),
    );
    await enqueue(
      door,
      'shout',
      Array.from({ length: 200 }, (_, n) => ({ word: `${n}` })),
    );
    const first = await withinBounds(() => run(door));
    expect(first).toMatchObject({ remaining: true, ray: 'ok' });
    for (let runs = 1, { remaining } = first; remaining; runs += 1) {
      ({ remaining } = await withinBounds(() => run(door)));
      expect(runs).toBeLessThan(15);
    }
    expect(await states()).toEqual({ RUNNING: 10, SUCCEEDED: 200 });
    expect(ray.accepted).toHaveLength(10);
  });

  test('are enough to look after what is on Ray, a few at a time', async () => {
    const count = 8;
    await enqueue(
      door,
      'on_ray',
      Array.from({ length: count }, () => ({})),
    );
    while ((await run(door)).remaining);
    await fresh.sql(`update mobula.executions set check_at = now() - interval '1 second'`);
    ray.ledger.splice(0);
    await withinBounds(() => run(door));
    expect(ray.count('inspect')).toBeGreaterThan(0);
    expect(ray.count('inspect')).toBeLessThan(count);
  });

  test('end a wait, which looks again and again', async () => {
    const [{ id } = { id: '' }] = await enqueue(door, 'on_ray', [{}]);
    const { text } = await withinBounds(() =>
      door.call({
        method: 'GET',
        path: `/status/${id}?wait=60`,
        headers: headers(settings.MOBULA_READ_TOKENS),
      }),
    );
    expect(JSON.parse(text).task.state).toBe('QUEUED');
  });
});

test('a large result goes to the store by fetch, and is read back from it', async () => {
  const door = workers.door('storing');
  const [{ id } = { id: '' }] = await enqueue(door, 'repeat', [{ times: 3_000 }]);
  await door.cron();
  const path = `/executions/${id}/result`;
  const { text } = await door.call({ method: 'GET', path, headers: headers(settings.MOBULA_READ_TOKENS) });
  expect(text).toBe(`"${'x'.repeat(3_000)}"`);
  expect(s3.objects.size).toBe(1);
});

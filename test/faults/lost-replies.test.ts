import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sql } from 'drizzle-orm';
import { task } from 'mobula';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import * as z from 'zod';
import type { EngineOptions } from '../support/engine.ts';
import { type Fault, type FaultProxy, startFaultProxy } from '../support/fault-proxy.ts';
import { enqueue, expectProblem, look, useFresh } from '../support/fresh.ts';

/** Every start of user code: `<id> <attempt>`. */
const starts: string[] = [];
/** What holds user code until a test has done its part. */
let gates: Record<string, PromiseWithResolvers<void>> = {};
const tasks = [
  task({
    name: 'counted',
    input: z.object({
      fails: z.boolean().default(false),
      gate: z.string().default(''),
      bytes: z.number().default(0),
      load: z.string().default(''),
    }),
    async run({ fails, gate, bytes }, { id, attempt }) {
      starts.push(`${id} ${attempt}`);
      await gates[gate]?.promise;
      if (fails) throw new TypeError('on purpose');
      return 'x'.repeat(bytes);
    },
  }),
  task({ name: 'on_ray', input: z.object({}), ray: { callable: 'somewhere:something' } }),
];

/** What tells each statement from all others, on its way to Postgres. */
const statements = {
  enqueue: 'insert into mobula.executions',
  claim: 'with due as materialized',
  claimOne: 'found as materialized',
  finish: 'insert into mobula.attempts',
  renew: 'update mobula.invocations',
  begin: 'coalesce(e.begun_at',
  readInput: 'from mobula.inputs i where i.execution_id = $',
  registerObject: 'insert into mobula.result_objects',
} as const;

const faults: readonly (readonly [string, Fault])[] = [
  ['is lost on its way', 'drop_request'],
  ['is done, and its answer is lost', 'swallow_reply'],
  ['is done, and its answer is cut off in the middle', 20],
];

const fresh = useFresh(tasks);
let proxy: FaultProxy;
beforeAll(async () => {
  proxy = await startFaultProxy(Number(new URL(fresh.url()).port));
});
afterAll(() => proxy.close());
beforeEach(() => {
  starts.splice(0);
  gates = { first: Promise.withResolvers(), second: Promise.withResolvers() };
});

/** A deployment whose database is behind the proxy. */
function make(options: Partial<EngineOptions> = {}) {
  const url = new URL(fresh.url());
  url.port = String(proxy.port);
  return fresh.make({ url: url.href, ...options });
}

const count = async (table: string) =>
  (await fresh.sql<{ n: number }>(`select count(*)::integer as n from mobula.${table}`))[0]?.n;

describe.each(faults)('an enqueue that %s', (_, fault) => {
  test('is told as 503, and its caller finds one execution under the key when it asks again', async () => {
    const app = make();
    const ask = () =>
      app.call('POST', '/tasks', { task: 'counted', input: {} }, { headers: { 'idempotency-key': 'k' } });
    const struck = proxy.next(statements.enqueue, fault);
    const first = await ask();
    await struck;
    expectProblem(first, 503, 'database_unavailable');
    expect(Number(first.headers.get('retry-after'))).toBeGreaterThan(0);
    const second = await ask();
    expect(second.status).toBe(fault === 'drop_request' ? 201 : 200);
    expect((await ask()).body.task.id).toBe(second.body.task.id);
    expect([await count('executions'), await count('inputs')]).toEqual([1, 1]);
  });
});

describe.each(faults)('a claim that %s', (_, fault) => {
  const stays = fault === 'drop_request' ? { attempt: 0, max_attempts: 3 } : { attempt: 1, max_attempts: 4 };

  test('of a run starts nothing, and the next run takes the execution at once', async () => {
    const app = make();
    const { id } = await enqueue(app, 'counted', {});
    const struck = proxy.next(statements.claim, fault);
    expectProblem(await app.call('POST', '/run', {}), 503, 'database_unavailable');
    await struck;
    expect([starts, await look(app, id)]).toMatchObject([[], { state: 'QUEUED', ...stays }]);
    expect((await app.call('POST', '/run', {})).body).toMatchObject({ processed: 1, completed: 1, recovered: 0 });
    expect(starts).toEqual([`${id} ${stays.attempt + 1}`]);
    expect(await count('invocations')).toBe(0);
  });

  test('of an execute starts nothing, and can be asked for again at once', async () => {
    const app = make();
    const { id } = await enqueue(app, 'counted', {}, { max_attempts: 1 });
    const struck = proxy.next(statements.claimOne, fault);
    expectProblem(await app.call('POST', `/execute/${id}`), 503, 'database_unavailable');
    await struck;
    expect([starts, (await look(app, id)).state]).toEqual([[], 'QUEUED']);
    expect((await app.call('POST', `/execute/${id}`)).body.task).toMatchObject({ state: 'SUCCEEDED' });
    expect(starts).toHaveLength(1);
  });
});

test('what runs beside a claim that was lost is not handed back, and ends as ever', async () => {
  const app = make({ env: { MOBULA_DEFAULT_CONCURRENCY: '2' } });
  const ids = [];
  for (const gate of ['second', 'first', '', '']) ids.push((await enqueue(app, 'counted', { gate })).id);
  await fresh.sql(`update mobula.executions set priority = 1 where id = any($1)`, [ids.slice(0, 2)]);
  const running = app.call('POST', '/run', {});
  await expect.poll(() => starts.length).toBe(2);
  const struck = proxy.next(statements.claim, 'swallow_reply');
  gates['first']?.resolve();
  await struck;
  gates['second']?.resolve();
  expect((await running).status).toBe(503);
  expect(await look(app, ids[0])).toMatchObject({ state: 'SUCCEEDED', attempt: 1 });
  await app.call('POST', '/run', {});
  expect(starts.map((start) => start.split(' ')[0]).toSorted()).toEqual(ids.toSorted());
});

describe.each(faults)('an outcome whose writing %s', (_, fault) => {
  test.each([
    ['value', { fails: false }, 'SUCCEEDED', { completed: 1, retried: 0 }],
    ['failure', { fails: true }, 'QUEUED', { completed: 0, retried: 1 }],
  ])('is kept by the run that has it, and said in its answer: a %s', async (_kind, input, state, counts) => {
    const app = make();
    const { id } = await enqueue(app, 'counted', input);
    const struck = proxy.next(statements.finish, fault);
    const { status, body } = await app.call('POST', '/run', {});
    await struck;
    expect([status, body]).toMatchObject([200, { processed: 1, ...counts, tasks: [{ id, state }] }]);
    expect([starts, await look(app, id)]).toMatchObject([[`${id} 1`], { state, attempt: 1 }]);
    expect(await count('attempts')).toBe(1);
  });

  test('is kept by the execute that has it', async () => {
    const app = make();
    const { id } = await enqueue(app, 'counted', {});
    const struck = proxy.next(statements.finish, fault);
    const { status, body } = await app.call('POST', `/execute/${id}`);
    await struck;
    expect([status, body.task]).toMatchObject([200, { state: 'SUCCEEDED', attempt: 1 }]);
    expect(starts).toEqual([`${id} 1`]);
  });
});

test.each(faults)('the reading of a large input that %s is asked for again, and costs no attempt', async (_, fault) => {
  const app = make();
  for (let n = 0; n < 3; n += 1) await enqueue(app, 'counted', { load: 'x'.repeat(20_000) });
  const struck = proxy.next(statements.readInput, fault);
  const { body } = await app.call('POST', '/run', {});
  await struck;
  expect(body).toMatchObject({ processed: 3, completed: 3, retried: 0 });
  expect(starts).toHaveLength(3);
});

test('an execution whose long input comes when the process is about to end is handed back, and none of its code runs', async () => {
  const closing = new AbortController();
  const app = make({ closing: closing.signal });
  const { id } = await enqueue(app, 'counted', { load: 'x'.repeat(20_000) });
  const struck = proxy.next(statements.readInput, 'drop_request');
  const running = app.call('POST', '/run', {});
  await struck;
  closing.abort();
  expect((await running).body).toMatchObject({ processed: 1, completed: 0, retried: 0 });
  expect([starts, await look(app, id)]).toMatchObject([[], { state: 'QUEUED', attempt: 1, max_attempts: 4 }]);
});

test('an outcome waits for its database as long as the lease may live, and no longer', async () => {
  const app = make({ env: { MOBULA_WORKER_LEASE_SECONDS: '2', MOBULA_WORKER_HEARTBEAT_SECONDS: '0.5' } });
  const { id } = await enqueue(app, 'counted', { gate: 'first' });
  const running = app.call('POST', `/execute/${id}`);
  await expect.poll(() => starts).toHaveLength(1);
  proxy.cut();
  gates['first']?.resolve();
  const startedAt = performance.now();
  expectProblem(await running, 503, 'database_unavailable');
  expect(performance.now() - startedAt).toBeLessThan(10_000);
  proxy.heal();
  expect(await look(app, id)).toMatchObject({ state: 'RUNNING', attempt: 1 });
});

test('the refusal of a stale outcome is not taken for a lost answer', async () => {
  const app = make();
  const { id } = await enqueue(app, 'counted', { gate: 'first' });
  const running = app.call('POST', '/run', {});
  await expect.poll(() => starts).toHaveLength(1);
  await fresh.sql(`update mobula.invocations set lease_until = now() - interval '1 second'`);
  expect((await fresh.make().call('POST', '/run', {})).body).toMatchObject({ recovered: 1 });
  const struck = proxy.next(statements.finish, 'drop_request');
  gates['first']?.resolve();
  await struck;
  expect((await running).body).toMatchObject({ processed: 1, completed: 0, retried: 0 });
  expect(await look(app, id)).toMatchObject({ state: 'QUEUED', error: { type: 'Lost' } });
});

test('a lease whose renewal is lost lives on', async () => {
  const app = make({ env: { MOBULA_WORKER_LEASE_SECONDS: '3', MOBULA_WORKER_HEARTBEAT_SECONDS: '0.4' } });
  const { id } = await enqueue(app, 'counted', { gate: 'first' });
  const running = app.call('POST', '/run', {});
  await proxy.next(statements.renew, 'swallow_reply');
  await proxy.next(statements.renew, 'drop_request');
  gates['first']?.resolve();
  expect((await running).body).toMatchObject({ completed: 1 });
  expect(starts).toEqual([`${id} 1`]);
});

test('a database that is away for a moment costs a large value neither its execution nor itself', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'mobula-lost-'));
  const env = { MOBULA_RESULT_STORAGE_BACKEND: 'filesystem', MOBULA_RESULT_STORAGE_FILESYSTEM_PATH: folder };
  const app = make({ env: { ...env, MOBULA_MAX_RESULT_SIZE_BYTES: '1024' } });
  const { id } = await enqueue(app, 'counted', { bytes: 5_000 });
  const away = proxy.next(statements.registerObject, 'drop_request').then(async () => {
    proxy.cut();
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    proxy.heal();
  });
  const { body } = await app.call('POST', '/run', {});
  await away;
  expect(body).toMatchObject({ completed: 1 });
  expect(await look(app, id)).toMatchObject({ state: 'SUCCEEDED', result_state: 'stored', attempt: 1 });
  await rm(folder, { recursive: true });
});

describe.each(faults)('what a driver said and what then %s', (_, fault) => {
  test('can be said again: begin with the same nonce, complete with the same answer', async () => {
    const app = make();
    const { id } = await enqueue(app, 'on_ray', {});
    await fresh.sql(`update mobula.executions set state = 'RUNNING', attempt = 1, ready = false, runner = 'ray_job',
      cluster = 'c', claimed_at = now(), started_at = now(), check_at = now() + interval '1 hour'`);
    const nonce = randomUUID();
    const ask = (verb: string, body: object, token: string) =>
      app.call('POST', `/attempts/${id}/1/${verb}`, body, { token });
    const capability = app.engine.capability(id, 1);

    const beginStruck = proxy.next(statements.begin, fault);
    expectProblem(await ask('begin', { nonce }, capability), 503, 'database_unavailable');
    await beginStruck;
    const begun = await ask('begin', { nonce }, capability);
    expect(begun.status).toBe(200);
    expectProblem(await ask('begin', { nonce: randomUUID() }, capability), 409, 'attempt_stale');

    const outcome = { outcome: 'succeeded', result: 7 };
    const completeStruck = proxy.next(statements.finish, fault);
    expectProblem(await ask('complete', outcome, begun.body.capability), 503, 'database_unavailable');
    await completeStruck;
    expect((await ask('complete', outcome, begun.body.capability)).body).toEqual({ state: 'SUCCEEDED' });
    expect(await look(app, id)).toMatchObject({ state: 'SUCCEEDED', result: 7 });
    expect(await count('attempts')).toBe(1);
  });
});

test('a connection that is cut between two statements of a transaction ends the transaction, not the process', async () => {
  const { db } = make();
  const broken = db.transaction(async (tx) => {
    await tx.execute(sql`select 1`);
    proxy.reset();
    await new Promise((resolve) => setTimeout(resolve, 100));
    await tx.execute(sql`select 2`);
  });
  await expect(broken).rejects.toMatchObject({ code: 'database_unavailable' });
  expect(await db.transaction((tx) => tx.execute(sql`select 3 as n`))).toEqual([{ n: 3 }]);
});

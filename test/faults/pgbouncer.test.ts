import { sql } from 'drizzle-orm';
import { task } from 'mobula';
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest';
import * as z from 'zod';
import { ensurePgBouncer, type PgBouncer, startPgBouncer } from '../../infra/local/pgbouncer.ts';
import type { TestEngine } from '../support/engine.ts';
import { enqueue, look, useFresh } from '../support/fresh.ts';

const starts: string[] = [];
const counted = task({
  name: 'counted',
  input: z.object({ ms: z.number().default(0), failures: z.int().default(0) }),
  retry: { backoffSeconds: 0 },
  async run({ ms, failures }, { id, attempt, progress }) {
    starts.push(`${id} ${attempt}`);
    progress(attempt);
    await new Promise((resolve) => setTimeout(resolve, ms));
    if (attempt <= failures) throw new Error('on purpose');
    return attempt;
  },
});

const absent = await ensurePgBouncer((line) => process.stderr.write(`${line}\n`));
const title = 'through PgBouncer in transaction mode';

describe.skipIf(absent !== null)(absent ? `${title} (without it: ${absent.missing})` : title, () => {
  const fresh = useFresh([counted]);
  let pgbouncer: PgBouncer;
  beforeAll(async () => {
    pgbouncer = await startPgBouncer(inject('postgresUrl'), 3);
  });
  afterAll(() => pgbouncer.stop());
  afterEach(() => void starts.splice(0));

  const make = (env = {}): TestEngine =>
    fresh.make({ url: pgbouncer.url(new URL(fresh.url()).pathname.slice(1)), env: { ...env } });

  test('eight servers share three connections, and start each of two hundred executions once', async () => {
    const crew = Array.from({ length: 8 }, () => make());
    const { body } = await crew[0]!.call('POST', '/tasks/batch', {
      tasks: Array.from({ length: 200 }, (_, n) => ({
        task: 'counted',
        input: { ms: 1, failures: n % 20 === 0 ? 1 : 0 },
      })),
    });
    expect(body.tasks).toHaveLength(200);
    for (let round = 0; round < 4; round += 1) await Promise.all(crew.map((app) => app.call('POST', '/run', {})));
    const { body: stats } = await crew[0]!.call('GET', '/executions/stats');
    expect(stats.states).toMatchObject({ SUCCEEDED: 200, QUEUED: 0, RUNNING: 0 });
    expect([starts.length, new Set(starts).size]).toEqual([210, 210]);
  });

  test('an execution lives its whole life: waited for, cancelled, retried, read, purged', async () => {
    const app = make({ MOBULA_WORKER_HEARTBEAT_SECONDS: '0.2', MOBULA_WORKER_LEASE_SECONDS: '2' });
    const { id } = await enqueue(app, 'counted', { ms: 700 });
    const waiting = app.call('GET', `/status/${id}?wait=10`);
    const [run] = await Promise.all([app.call('POST', '/run', {}), waiting]);
    expect(run.body).toMatchObject({ completed: 1 });
    expect(await look(app, id)).toMatchObject({ state: 'SUCCEEDED', progress: 1, result: 1 });
    const other = await enqueue(app, 'counted', {});
    expect((await app.call('POST', `/executions/${other.id}/cancel`)).status).toBe(202);
    expect((await app.call('POST', `/executions/${other.id}/retry`)).status).toBe(202);
    expect((await app.call('POST', `/execute/${other.id}`)).body.task).toMatchObject({ state: 'SUCCEEDED' });
    expect((await app.call('POST', '/purge', { days: 0 })).body).toMatchObject({ deleted: 2 });
  });

  test('a transaction of the library is one, on one connection', async () => {
    const { db } = make();
    const broken = db.transaction(async (tx) => {
      await tx.execute(sql`create temporary table mine on commit drop as select 1 as n`);
      expect(await tx.execute(sql`select n from mine`)).toEqual([{ n: 1 }]);
      throw new RangeError('rolled back');
    });
    await expect(broken).rejects.toThrow('rolled back');
  });
});

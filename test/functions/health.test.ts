import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';
import { FakeRay } from '../support/fake-ray.ts';
import { expectProblem, useFresh } from '../support/fresh.ts';
import { tasks } from './tasks.ts';

const fresh = useFresh(tasks);
const away = 'postgres://nobody@127.0.0.1:1/none';

describe('/livez', () => {
  test('answers without a database and without a proof', async () => {
    const { status, body } = await fresh.make({ url: away }).call('GET', '/livez', undefined, { token: null });
    expect([status, body]).toEqual([200, { status: 'alive' }]);
  });
});

describe('/readyz', () => {
  test('is ready on a migrated database, without a proof', async () => {
    const { status, body } = await fresh.make().call('GET', '/readyz', undefined, { token: null });
    expect([status, body]).toEqual([200, { status: 'ready' }]);
  });

  test('is 503 with Retry-After where the database is away', async () => {
    const answer = await fresh.make({ url: away }).call('GET', '/readyz', undefined, { token: null });
    expectProblem(answer, 503, 'database_unavailable');
    expect(answer.headers.get('retry-after')).not.toBeNull();
    expect(answer.text).not.toMatch(/127\.0\.0\.1|ECONN|postgres:/);
  });

  test('is 503 with Retry-After where the database is not migrated, and says how to', async () => {
    // The server's own database, which nobody migrates.
    const answer = await fresh.make({ url: inject('postgresUrl') }).call('GET', '/readyz', undefined, { token: null });
    expectProblem(answer, 503, 'database_unavailable');
    expect(answer.body.detail).toContain('npm run migrate');
    expect(answer.headers.get('retry-after')).not.toBeNull();
  });

  test('is ready again on a schema that is newer, for that only adds', async () => {
    const client = new Client({ connectionString: fresh.url() });
    await client.connect();
    await client.query(`insert into mobula.migrations values ('9999_future', 99999999999999)`);
    const { status } = await fresh.make().call('GET', '/readyz');
    await client.query(`delete from mobula.migrations where tag = '9999_future'`);
    await client.end();
    expect(status).toBe(200);
  });
});

describe('/health', () => {
  let ray: FakeRay;
  beforeAll(async () => {
    ray = await FakeRay.start();
  });
  afterAll(() => ray.close());

  test('says that there is no Ray where none is configured', async () => {
    const { status, body } = await fresh.make().call('GET', '/health', undefined, { token: 'read' });
    expect([status, body]).toEqual([200, { status: 'ok', database: { migrated: true }, ray: null }]);
  });

  test('says what Ray is reached, and is degraded while it is not', async () => {
    const app = fresh.make({ ray });
    const well = await app.call('GET', '/health', undefined, { token: 'read' });
    expect(well.body).toMatchObject({
      status: 'ok',
      ray: { reachable: true, version: '2.58.0', session: ray.session },
    });
    await ray.down();
    const ill = await app.call('GET', '/health', undefined, { token: 'read' });
    await ray.up();
    expect(ill.status).toBe(200);
    expect(ill.body).toMatchObject({ status: 'degraded', ray: { reachable: false, reason: expect.any(String) } });
  });

  test('is 503 where the database is away', async () => {
    expectProblem(await fresh.make({ url: away }).call('GET', '/health'), 503, 'database_unavailable');
  });
});

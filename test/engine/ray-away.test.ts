import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { tasks } from '../functions/tasks.ts';
import type { TestEngine } from '../support/engine.ts';
import { FakeRay } from '../support/fake-ray.ts';
import { enqueue, look, useFresh } from '../support/fresh.ts';

const fresh = useFresh(tasks);
let ray: FakeRay;
beforeEach(async () => {
  ray = await FakeRay.start();
});
afterEach(() => ray.close());

const make = (env: Record<string, string> = {}) => fresh.make({ ray, env });
const runOf = async (app: TestEngine) => (await app.call('POST', '/run', {})).body;

/** Lets the pause after an unanswered call be over. */
const endPause = () => fresh.sql(`update mobula.capacity set away_until = now() - interval '1 second'`);

/** Executions whose jobs run, and whose checks are due. */
async function runningOnRay(app: TestEngine, count: number): Promise<string[]> {
  const ids: string[] = [];
  for (let n = 0; n < count; n += 1) ids.push((await enqueue(app, 'on_ray', {})).id);
  await runOf(app);
  await fresh.sql(`update mobula.executions set check_at = now() - interval '1 second' where state = 'RUNNING'`);
  return ids;
}

describe('a cluster that does not answer', () => {
  test('is asked once, and then left in peace by every call', async () => {
    const [one, two] = [make(), make()];
    ray.next('version', '503');
    expect((await runOf(one)).ray).toBe('unreachable');
    const asked = ray.ledger.length;
    expect((await runOf(one)).ray).toBe('unreachable');
    expect((await runOf(two)).ray).toBe('unreachable');
    expect(ray.ledger.length).toBe(asked);
  });

  test('is asked again after ten seconds, and used at once if it answers', async () => {
    const app = make();
    ray.next('version', '503');
    const { id } = await enqueue(app, 'on_ray', {});
    await runOf(app);
    const [pause] = await fresh.sql<{ seconds: number }>(
      'select extract(epoch from away_until - now())::float8 as seconds from mobula.capacity',
    );
    expect(pause?.seconds).toBeGreaterThan(8);
    expect(pause?.seconds).toBeLessThanOrEqual(10);
    await endPause();
    expect(await runOf(app)).toMatchObject({ ray: 'ok', submitted: 1 });
    expect(await look(app, id)).toMatchObject({ state: 'RUNNING', attempt: 1 });
  });

  test('is asked nevertheless by whoever wants one execution run there now', async () => {
    const app = make();
    const { id } = await enqueue(app, 'on_ray', {});
    ray.next('version', '503');
    await runOf(app);
    expect((await app.call('POST', `/execute/${id}`)).status).toBe(200);
  });

  test('leaves its attempts alone, without a call for each of them, and wakes nobody before it is asked again', async () => {
    const app = make({ MOBULA_DEFAULT_CONCURRENCY: '20' });
    const ids = await runningOnRay(app, 20);
    await ray.down();
    const first = await runOf(app);
    const second = await runOf(app);
    await ray.up();
    expect([first.ray, second.ray]).toEqual(['unreachable', 'unreachable']);
    expect(ray.count('inspect')).toBe(0);
    for (const id of ids) expect(await look(app, id)).toMatchObject({ state: 'RUNNING', attempt: 1 });
    expect(Date.parse(second.next_wake_at)).toBeGreaterThan(Date.now() - 1_000);
  });

  test('is given up on in the middle of a round, and what was not asked about is not judged', async () => {
    const app = make({ MOBULA_DEFAULT_CONCURRENCY: '40' });
    await runningOnRay(app, 40);
    ray.next('inspect', '503', 40);
    expect(await runOf(app)).toMatchObject({ ray: 'ok', recovered: 0 });
    expect(ray.count('inspect')).toBeLessThan(15);
    expect((await runOf(app)).ray).toBe('unreachable');
    expect(await fresh.sql(`select distinct state from mobula.executions`)).toEqual([{ state: 'RUNNING' }]);
  });

  test.each(['401', '403', '405'] as const)(
    'burns no attempt where it answers %s, and is said to be away',
    async (code) => {
      const app = make();
      const { id } = await enqueue(app, 'on_ray', {});
      ray.next('version', code);
      expect(await runOf(app)).toMatchObject({ ray: 'unreachable', processed: 0 });
      expect(await look(app, id)).toMatchObject({ state: 'QUEUED', attempt: 0 });
      expect(app.lines).toContainEqual({
        level: 'warn',
        event: 'ray_away',
        members: { cluster: ray.url, reason: expect.stringContaining(code) },
      });
    },
  );
});

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { rayJobId } from '../../src/core/ids.ts';
import { succeeded, useDriver } from '../functions/driven.ts';
import { tasks } from '../functions/tasks.ts';
import { look, useFresh } from '../support/fresh.ts';

const fresh = useFresh(tasks);
const driver = useDriver();
const env = { MOBULA_RESULT_GRACE_SECONDS: '0', MOBULA_RETRY_BACKOFF_SECONDS: '60' };

beforeEach(() => {
  driver.ray().ledger.length = 0;
});
afterEach(() => driver.ray().restart());

/** As if the last beat had come so long ago, and the next check were due. */
const age = (id: string, seconds: number) =>
  fresh.sql(
    `update mobula.executions set check_at = now() - interval '1 second', claimed_at = claimed_at - make_interval(secs => $2),
      begun_at = begun_at - make_interval(secs => $2), beat_at = null where id = $1`,
    [id, seconds],
  );
const makeCheckDue = (id: string) =>
  fresh.sql(`update mobula.executions set check_at = now() - interval '1 second' where id = $1`, [id]);

describe('a head that restarted with its store, and shows a dead job as RUNNING', () => {
  test('is woken by a stop for a job that is over, never for the one in doubt, and tells the truth then', async () => {
    const app = fresh.make({ ray: driver.ray(), env });
    const over = await driver.begin(app);
    await app.call('POST', `${over.url}/complete`, succeeded, { token: over.capability });
    driver.ray().setStatus(rayJobId(over.id, 1), 'SUCCEEDED');
    const doubtful = await driver.begin(app);
    driver.ray().setStatus(rayJobId(doubtful.id, 1), 'RUNNING');
    driver.ray().restartDurable();

    await age(doubtful.id, 40); // the heartbeat is 15 s, the stuck timeout 300 s
    await app.call('POST', '/run', {});
    const stopped = driver.ray().ledger.filter(({ call }) => call === 'stop');
    expect(stopped.map(({ path }) => path)).toEqual([`/api/jobs/${rayJobId(over.id, 1)}/stop`]);
    expect(await look(app, doubtful.id)).toMatchObject({ state: 'RUNNING' });
    const [check] = await fresh.sql<{ seconds: number }>(
      'select extract(epoch from check_at - now())::float8 as seconds from mobula.executions where id = $1',
      [doubtful.id],
    );
    expect(check?.seconds).toBeLessThanOrEqual(3);

    for (let round = 0; round < 2; round += 1) {
      await makeCheckDue(doubtful.id);
      await app.call('POST', '/run', {});
    }
    expect(await look(app, doubtful.id)).toMatchObject({ state: 'QUEUED', attempt: 1, error: { type: 'Lost' } });
  });

  test('is left asleep while the driver beats', async () => {
    const app = fresh.make({ ray: driver.ray(), env });
    const over = await driver.begin(app);
    await app.call('POST', `${over.url}/complete`, succeeded, { token: over.capability });
    const { id } = await driver.begin(app);
    driver.ray().setStatus(rayJobId(id, 1), 'RUNNING');
    await age(id, 20);
    await app.call('POST', '/run', {});
    expect(driver.ray().count('stop')).toBe(0);
  });
});

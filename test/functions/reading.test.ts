import { expect, test } from 'vitest';
import { routesOf } from '../../functions/app.ts';
import { enqueue, useFresh } from '../support/fresh.ts';
import { tasks } from './tasks.ts';

const fresh = useFresh(tasks);

test('who asks by GET, HEAD or OPTIONS writes nothing, on any route; only a cron’s own GET is there to', async () => {
  const app = fresh.make({ callSeconds: 1, env: { CRON_SECRET: 'the-cron-secret-of-the-tests-0123456789' } });
  const done = await enqueue(app, 'note', { value: 1 });
  await app.call('POST', '/run', {});
  const waiting = await enqueue(app, 'fail', {});
  const before = await fresh.fingerprint();
  const paths = [...new Set(routesOf({ ...app.mobula, callSeconds: 1 }).map(({ path }) => path))];
  const statuses = new Set<number>();
  for (const method of ['GET', 'HEAD', 'OPTIONS']) {
    for (const path of paths) {
      for (const { id } of [done, waiting]) {
        const concrete = path.replace(':id', id).replace(':attempt', '1').replace(':name', 'x');
        statuses.add((await app.call(method, concrete)).status);
      }
    }
  }
  expect(await fresh.fingerprint()).toBe(before);
  expect([...statuses].toSorted()).toEqual(expect.arrayContaining([200, 403, 404, 405, 409]));
});

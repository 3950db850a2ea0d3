import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import * as z from 'zod';
import { task } from '../../src/define-task.ts';
import { FakeRay } from '../support/fake-ray.ts';
import { enqueue, look, useFresh } from '../support/fresh.ts';

const input = z.object({});
const tasks = [
  task({ name: 'in_company', input, ray: { callable: 'a:b', executionsPerJob: 3 } }),
  task({ name: 'other_company', input, ray: { callable: 'a:c', executionsPerJob: 3 } }),
  task({ name: 'alone', input, ray: { callable: 'a:b' } }),
];
const fresh = useFresh(tasks);
let ray: FakeRay;
beforeAll(async () => {
  ray = await FakeRay.start();
});
afterAll(() => ray.close());
beforeEach(() => {
  ray.restart();
  ray.accepted.length = 0;
  ray.ledger.length = 0;
});

const make = () => fresh.make({ ray, env: { MOBULA_DEFAULT_CONCURRENCY: '50' } });
type App = ReturnType<typeof make>;

const enqueueEach = async (app: App, ...names: string[]): Promise<string[]> => {
  const ids: string[] = [];
  for (const name of names) ids.push((await enqueue(app, name, {})).id);
  return ids;
};

/** Who is in each job that Ray has taken, in the order of the line; null for a job of its own. */
const lines = () =>
  ray.accepted.map(({ runtime_env }) => {
    const text = runtime_env?.env_vars?.['MOBULA_ATTEMPTS'];
    const attempts: [string, string][] | null = text ? JSON.parse(text) : null;
    return attempts?.map(([url]) => url.split('/').at(-2)) ?? null;
  });

const jobOf = async (app: App, id = ''): Promise<string> => (await look(app, id)).ray.job_id;

const makeChecksDue = () =>
  fresh.sql(`update mobula.executions set check_at = now() - interval '1 second' where state = 'RUNNING'`);

test('what one claim takes is shared out by task, in the order of the line', async () => {
  const app = make();
  const names = ['in_company', 'alone', 'in_company', 'other_company', 'in_company', 'other_company', 'in_company'];
  const [a, , c, d, e, f, g] = await enqueueEach(app, ...names);
  expect((await app.call('POST', '/run', {})).body).toMatchObject({ processed: 7, submitted: 7 });
  expect(lines().filter(Boolean).toSorted()).toEqual(
    [
      [a, c, e],
      [d, f],
    ].toSorted(),
  );
  expect(lines().filter((line) => line === null)).toHaveLength(2);
  expect(await jobOf(app, g)).toBe(`mobula-${g?.replaceAll('-', '')}-a1`);
  expect(await jobOf(app, c)).toBe(await jobOf(app, a));
});

test.each([
  ['taken', 'takeThenDrop'],
  ['not taken', 'drop'],
] as const)(
  'a submission that was %s, and whose answer was lost, leads to one job of the same line',
  async (_, trouble) => {
    const app = make();
    const ids = await enqueueEach(app, 'in_company', 'in_company');
    ray.next('submit', trouble);
    ray.next('inspect', '500');
    await app.call('POST', '/run', {});
    const job = await jobOf(app, ids[0]);
    expect(job).toMatch(/^mobula-shared-/);
    for (let round = 0; round < 3; round += 1) {
      await makeChecksDue();
      await app.call('POST', '/run', {});
    }
    expect(ray.accepted.map(({ submission_id }) => submission_id)).toEqual([job]);
    expect(lines()).toEqual([ids]);
    expect(await Promise.all(ids.map((id) => jobOf(app, id)))).toEqual([job, job]);
  },
);

test('a job that ends before some have begun gives them back, and takes no attempt', async () => {
  const app = make();
  const ids = await enqueueEach(app, 'in_company', 'in_company');
  await app.call('POST', '/run', {});
  ray.setStatus(await jobOf(app, ids[0]), 'STOPPED');
  await makeChecksDue();
  await app.call('POST', '/run', {});
  for (const id of ids) expect(await look(app, id)).toMatchObject({ state: 'QUEUED', attempt: 1, max_attempts: 4 });
  expect(ray.count('inspect')).toBe(1);
});

test('one that did not begin in time goes back alone: the job is left to the others', async () => {
  const app = make();
  const ids = await enqueueEach(app, 'in_company', 'in_company');
  await app.call('POST', '/run', {});
  ray.setStatus(await jobOf(app, ids[0]), 'RUNNING');
  await fresh.sql(
    `update mobula.executions set claimed_at = now() - interval '2 hours', check_at = now() - interval '1 second' where id = $1`,
    [ids[0]],
  );
  await app.call('POST', '/run', {});
  expect(await look(app, ids[0] ?? '')).toMatchObject({ state: 'QUEUED' });
  expect(await look(app, ids[1] ?? '')).toMatchObject({ state: 'RUNNING' });
  expect(ray.count('stop')).toBe(0);
});

test('one that may have been submitted alone is never submitted in company: Ray knows it by one id', async () => {
  const app = make();
  const [id = ''] = await enqueueEach(app, 'in_company');
  ray.next('submit', 'drop');
  ray.next('inspect', '500');
  await app.call('POST', '/run', {});
  await enqueueEach(app, 'in_company', 'in_company');
  for (let round = 0; round < 3; round += 1) {
    await makeChecksDue();
    await app.call('POST', '/run', {});
  }
  expect(await jobOf(app, id)).toBe(`mobula-${id.replaceAll('-', '')}-a1`);
  expect(
    lines()
      .map((line) => line?.length ?? 1)
      .toSorted(),
  ).toEqual([1, 2]);
});

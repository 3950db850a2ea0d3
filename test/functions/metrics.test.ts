import { expect, test } from 'vitest';
import { FakeRay } from '../support/fake-ray.ts';
import { enqueue, useFresh } from '../support/fresh.ts';
import { tasks } from './tasks.ts';

const fresh = useFresh(tasks);

/** The samples of a scrape by name and labels. */
async function scrape(app: ReturnType<typeof fresh.make>): Promise<Map<string, number>> {
  const { status, text, headers } = await app.call('GET', '/metrics', undefined, { token: 'read' });
  expect([status, headers.get('content-type')]).toEqual([200, 'text/plain; version=0.0.4; charset=utf-8']);
  const samples = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(samples.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]));
}

test('every state is there from the start', async () => {
  const samples = await scrape(fresh.make());
  expect(samples.get('mobula_executions{state="QUEUED"}')).toBe(0);
  expect(samples.get('mobula_executions{state="LOST"}')).toBe(0);
  expect(samples.get('mobula_oldest_ready_seconds')).toBe(0);
});

test('what is stored is counted by state and by queue', async () => {
  const app = fresh.make({ env: { MOBULA_QUEUES: '*' } });
  await enqueue(app, 'note', { value: 1 });
  await app.call('POST', '/run', {});
  await enqueue(app, 'note', { value: 1 }, { queue_name: 'odd "name"\n' });
  await enqueue(app, 'note', { value: 1 }, { queue_name: 'later', delay_seconds: 60 });
  const samples = await scrape(app);
  expect(samples.get('mobula_executions{state="SUCCEEDED"}')).toBe(1);
  expect(samples.get('mobula_executions{state="QUEUED"}')).toBe(2);
  expect(samples.get('mobula_queue_executions{queue="odd \\"name\\"\\n",stage="ready"}')).toBe(1);
  expect(samples.get('mobula_queue_executions{queue="later",stage="delayed"}')).toBe(1);
});

test('a value of which only the digest was kept stays counted, also when its execution is purged', async () => {
  const app = fresh.make({ env: { MOBULA_MAX_RESULT_SIZE_BYTES: '1024' } });
  await enqueue(app, 'note', { value: 'x'.repeat(2_000) });
  await app.call('POST', '/run', {});
  expect((await scrape(app)).get('mobula_results_digest_only_total')).toBe(1);
  await app.call('POST', '/purge', { days: 0 });
  const samples = await scrape(app);
  expect(samples.get('mobula_results_digest_only_total')).toBe(1);
  expect(samples.get('mobula_executions{state="SUCCEEDED"}')).toBe(0);
});

test('a cluster is shown with what is in flight on it, and whether it is away', async () => {
  await using ray = await FakeRay.start();
  const app = fresh.make({ ray });
  await enqueue(app, 'on_ray', {});
  await app.call('POST', '/run', {});
  const labels = `{runner="ray_job",cluster="${ray.url}"}`;
  const before = await scrape(app);
  expect([before.get(`mobula_cluster_attempts${labels}`), before.get(`mobula_cluster_away${labels}`)]).toEqual([1, 0]);
  await ray.down();
  await app.call('POST', '/run', {});
  expect((await scrape(app)).get(`mobula_cluster_away${labels}`)).toBe(1);
});

import { describe, expect, test } from 'vitest';
import type { FakeRay, Trouble } from '../support/fake-ray.ts';
import { probeAttempt } from './probe.ts';
import { openBench } from './ray-bench.ts';

async function openWithJob() {
  const bench = await openBench();
  const { jobId } = probeAttempt();
  const attempt = { ...probeAttempt(), jobId };
  await bench.runner.start(attempt);
  bench.ray.setStatus(jobId, 'RUNNING', { message: 'Job is currently running.' });
  return { ...bench, jobId };
}

const noWord: Trouble[] = [
  'drop',
  'takeThenDrop',
  'hang',
  '400',
  '404',
  '500',
  '503',
  'noAgent',
  'garbage',
  'html',
  'wrongTypes',
  'oddStatus',
  'otherJob',
  'redirect',
  'endless',
  'drip',
  'oddHttp',
];

test.each(noWord)('an answer of the kind %s says nothing about the job', async (trouble) => {
  const { ray, runner, jobId } = await openWithJob();
  // A GET on a kept connection that is closed under it is sent again.
  ray.next('inspect', trouble, trouble.toLowerCase().endsWith('drop') ? 2 : 1);
  const startedAt = performance.now();
  expect(await runner.inspect(jobId)).toEqual({ kind: 'unreachable', message: expect.any(String) });
  expect(performance.now() - startedAt).toBeLessThan(10_000);
  expect(await runner.inspect(jobId)).toEqual({ kind: 'running', message: 'Job is currently running.' });
  expect(ray.count('other')).toBe(0);
});

test.each(['401', '403', '405'] as const)('an answer %s is about us, and says what to mend', async (status) => {
  const { ray, runner, jobId } = await openWithJob();
  ray.next('inspect', status);
  expect(await runner.inspect(jobId)).toEqual({
    kind: 'denied',
    message: expect.stringContaining('MOBULA_RAY_HEADERS'),
  });
});

describe('a job that Ray does not know', () => {
  test('is not gone while the store behind the dashboard is away', async () => {
    const { ray, runner } = await openBench();
    for (const trouble of ['503', 'hang'] as const) {
      ray.next('health', trouble);
      expect(await runner.inspect(probeAttempt().jobId)).toMatchObject({ kind: 'unreachable' });
    }
  });

  test('is not gone from a session that nobody knows', async () => {
    const { ray, runner } = await openBench();
    ray.next('version', 'wrongTypes');
    expect(await runner.inspect(probeAttempt().jobId)).toMatchObject({ kind: 'unreachable' });
    ray.next('version', '401');
    expect(await runner.inspect(probeAttempt().jobId)).toMatchObject({ kind: 'denied' });
  });

  test('is gone under the name of the session that is, not of the one that was', async () => {
    const { ray, runner, jobId } = await openWithJob();
    const { session } = ray;
    ray.restart();
    expect(await runner.inspect(jobId)).toEqual({ kind: 'gone', session: ray.session });
    expect(ray.session).not.toBe(session);
  });
});

test('a head with durable storage says RUNNING of dead jobs until a call has reached its agent', async () => {
  const { ray, runner, jobId } = await openWithJob();
  const finished = probeAttempt();
  await runner.start(finished);
  ray.setStatus(finished.jobId, 'SUCCEEDED');
  ray.restartDurable();
  expect(await runner.inspect(jobId)).toMatchObject({ kind: 'running' });
  expect(await runner.stop(finished.jobId)).toBe(true);
  expect(await runner.inspect(jobId)).toMatchObject({
    kind: 'failed',
    errorType: 'JOB_SUPERVISOR_ACTOR_START_FAILURE',
  });
});

test('a stop of what has not started is taken, and does nothing', async () => {
  const { ray, runner } = await openBench();
  const attempt = probeAttempt();
  await runner.start(attempt);
  expect(await runner.stop(attempt.jobId)).toBe(true);
  expect(await runner.inspect(attempt.jobId)).toMatchObject({ kind: 'pending' });
  expect(ray.statusOf(attempt.jobId)).toBe('PENDING');
});

test.each(['drop', 'hang', '500', '403', 'html', 'endless'] as const)(
  'a stop or a removal that met %s is not done',
  async (trouble) => {
    const { ray, runner, jobId } = await openWithJob();
    ray.setStatus(jobId, 'SUCCEEDED');
    ray.next('stop', trouble);
    ray.next('remove', trouble);
    expect(await runner.stop(jobId)).toBe(false);
    expect(await runner.remove(jobId)).toBe(false);
    expect(await runner.stop(jobId)).toBe(true);
    expect(await runner.remove(jobId)).toBe(true);
  },
);

test('a long message keeps its beginning and its end, and nothing that a database cannot store', async () => {
  const { ray, runner, jobId } = await openWithJob();
  const message = `It failed:\n${'x'.repeat(30_000)}\0\ud800\nZeroDivisionError: division by zero`;
  ray.setStatus(jobId, 'FAILED', { message, errorType: 'JOB_ENTRYPOINT_COMMAND_ERROR' });
  const sight = await runner.inspect(jobId);
  const said = 'message' in sight ? sight.message : '';
  expect(said).toMatch(/^It failed:\n/);
  expect(said).toMatch(/\uFFFD\uFFFD\nZeroDivisionError: division by zero$/);
  expect(said).toHaveLength(4_096);
});

describe('the log', () => {
  const tailOf = async (log: string, lines: number) => {
    const { ray, runner, jobId } = await openWithJob();
    ray.setLog(jobId, log);
    return { tail: (await runner.logTail(jobId, lines)) ?? '', ray };
  };
  const logCalls = (ray: FakeRay) => ray.count('logs');

  test('is read from its end, a few lines of it', async () => {
    const { tail } = await tailOf('one\ntwo\nthree\n', 2);
    expect(tail).toBe('two\nthree\n');
  });

  test('is cut to its last 64 KiB between two characters', async () => {
    const { tail } = await tailOf(`${'äöü'.repeat(20_000)}\nend\n`, 10);
    expect(Buffer.byteLength(tail)).toBeLessThanOrEqual(65_536);
    expect(tail).toMatch(/^[äöü]+\nend\n$/);
  });

  test('is asked for in smaller pieces where it is more than we read', async () => {
    const lines = Array.from({ length: 2_000 }, (_, index) => `${index} ${'x'.repeat(1_000)}`);
    const { tail, ray } = await tailOf(`${lines.join('\n')}\n`, 1_000);
    expect(tail).toContain('\n1999 xxx');
    expect(logCalls(ray)).toBe(2);
  });

  test('has no end worth reading where one line is larger than we read', async () => {
    const { ray, runner, jobId } = await openWithJob();
    ray.setLog(jobId, 'x'.repeat(1_000_000));
    expect(await runner.logTail(jobId, 100)).toBeNull();
  });

  test('is not to be had of a job that runs nowhere, or whose node is gone', async () => {
    const { ray, runner } = await openBench();
    const attempt = probeAttempt();
    await runner.start(attempt);
    expect(await runner.logTail(attempt.jobId, 10)).toBeNull();
    ray.setStatus(attempt.jobId, 'RUNNING');
    ray.next('logs', '500');
    expect(await runner.logTail(attempt.jobId, 10)).toBeNull();
  });
});

test('health tells a dashboard without its store from a cluster', async () => {
  const { ray, runner } = await openBench();
  expect(await runner.health()).toEqual({ reachable: true, version: '2.58.0', session: ray.session });
  ray.next('health', '503');
  expect(await runner.health()).toEqual({ reachable: false, reason: expect.stringContaining('GCS'), refused: false });
  ray.next('version', '403');
  expect(await runner.health()).toEqual({
    reachable: false,
    reason: expect.stringContaining('RAY_AUTH_TOKEN'),
    refused: false,
  });
});

import { expect, test } from 'vitest';
import { probeAttempt } from './probe.ts';
import { anyPackage, openBench } from './ray-bench.ts';

test('attempts started at once ask for the driver once, and bring it once', async () => {
  const { ray, runner } = await openBench();
  await Promise.all(Array.from({ length: 20 }, () => runner.start(probeAttempt())));
  expect(ray.jobIds).toHaveLength(20);
  expect([ray.count('version'), ray.count('package'), ray.count('upload')]).toEqual([1, 1, 1]);
});

test('the driver arrives byte for byte', async () => {
  const { ray, runner } = await openBench();
  await runner.start(probeAttempt());
  expect(ray.packageBytes(anyPackage.name)?.toString('latin1')).toBe(atob(anyPackage.base64));
});

test('a minute later the driver is pinned anew, and brought again only if it was collected', async () => {
  let now = 0;
  const { ray, runner } = await openBench({ now: () => now });
  await runner.start(probeAttempt());
  now = 59_999;
  await runner.start(probeAttempt());
  expect([ray.count('package'), ray.count('upload')]).toEqual([1, 1]);
  now = 60_000;
  await runner.start(probeAttempt());
  expect([ray.count('package'), ray.count('upload')]).toEqual([2, 1]);
  ray.collectPackages();
  now = 120_000;
  await runner.start(probeAttempt());
  expect([ray.count('package'), ray.count('upload')]).toEqual([3, 2]);
});

test('a job that found no driver has it brought for the next', async () => {
  const { ray, runner } = await openBench();
  const attempt = probeAttempt();
  await runner.start(attempt);
  ray.collectPackages();
  const message = `runtime_env setup failed: OSError: Failed to download runtime_env file package gcs://${anyPackage.name}`;
  ray.setStatus(attempt.jobId, 'FAILED', { message, errorType: 'RUNTIME_ENV_SETUP_FAILURE' });
  expect(await runner.inspect(attempt.jobId)).toEqual({
    kind: 'failed',
    message,
    errorType: 'RUNTIME_ENV_SETUP_FAILURE',
  });
  await runner.start(probeAttempt());
  expect(ray.count('upload')).toBe(2);
});

test('a head that has forgotten everything is given the driver again', async () => {
  const { ray, runner } = await openBench();
  const attempt = probeAttempt();
  await runner.start(attempt);
  ray.restart();
  expect(await runner.inspect(attempt.jobId)).toEqual({ kind: 'gone', session: ray.session });
  expect(await runner.start(attempt)).toEqual({ kind: 'accepted', session: ray.session });
  expect(ray.count('upload')).toBe(2);
});

test.each(['start', 'inspect'] as const)('a cluster that was away at %s may be another one', async (call) => {
  const { ray, runner } = await openBench();
  await runner.start(probeAttempt());
  await ray.down();
  if (call === 'start') expect(await runner.start(probeAttempt())).toMatchObject({ kind: 'unknown' });
  else expect(await runner.inspect(probeAttempt().jobId)).toMatchObject({ kind: 'unreachable' });
  ray.restart();
  await ray.up();
  expect(await runner.start(probeAttempt())).toEqual({ kind: 'accepted', session: ray.session });
  expect(ray.count('upload')).toBe(2);
});

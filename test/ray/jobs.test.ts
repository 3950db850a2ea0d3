import { describe, expect, test } from 'vitest';
import { rayJobRunner } from '../../src/runners/ray-job.ts';
import { describeJobs } from '../runners/job-conformance.ts';
import { oneByOne } from '../runners/one-by-one.ts';
import { probeAttempt, probePackage } from '../runners/probe.ts';
import { describeWithRay } from '../support/ray-cluster.ts';

await describeWithRay('Ray itself', ({ url }) => {
  const open = (address = url) => rayJobRunner({ address, package: probePackage() });
  const connect = () => oneByOne(open());

  describeJobs('ray_job', async () => ({ connect: open, close: async () => undefined }));

  describe('what Ray will never take', () => {
    test.each([
      [{ labelSelector: { 'no label': 'x' } }, /ValueError: .*label/],
      [{ numCpus: 'two' as unknown as number }, /TypeError: .*entrypoint_num_cpus/],
    ])('is refused: %j', async (options, reason) => {
      const attempt = probeAttempt();
      const answer = await connect().start({ ...attempt, ray: { ...attempt.ray, ...options } });
      expect(answer).toEqual({ kind: 'refused', message: expect.stringMatching(reason) });
      expect(await connect().inspect(attempt.jobId)).toMatchObject({ kind: 'gone' });
    });
  });

  test('a job for which there is no room stays pending, stopped or not, and cannot be removed', async () => {
    const runner = connect();
    const attempt = probeAttempt();
    await runner.start({ ...attempt, ray: { ...attempt.ray, numCpus: 1_000 } });
    expect(await runner.inspect(attempt.jobId)).toMatchObject({ kind: 'pending' });
    expect(await runner.stop(attempt.jobId)).toBe(true);
    expect(await runner.remove(attempt.jobId)).toBe(false);
    expect(await runner.inspect(attempt.jobId)).toMatchObject({ kind: 'pending' });
  });
});

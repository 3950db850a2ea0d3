import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JobSight } from '../../src/core/runner.ts';
import { type Bench, describeRunner } from './conformance.ts';
import { oneByOne, type SingleRunner } from './one-by-one.ts';
import { probeAttempt } from './probe.ts';

/** What a runner promises whose attempts are Ray jobs: all that every one does, and that each leaves a record and a log. */
export function describeJobs(name: string, make: () => Promise<Omit<Bench, 'attempt'>>): void {
  const attempt = (seconds: number) => probeAttempt({ PROBE_SECONDS: String(seconds) });
  describeRunner(name, async () => ({ ...(await make()), attempt }));

  describe(`the jobs of ${name}`, () => {
    let bench: Omit<Bench, 'attempt'>;
    let runner: SingleRunner;
    beforeAll(async () => {
      bench = await make();
      runner = oneByOne(bench.connect());
    });
    afterAll(() => bench.close());

    const until = async (jobId: string, ...kinds: JobSight['kind'][]): Promise<JobSight> => {
      for (;;) {
        const sight = await runner.inspect(jobId);
        if (kinds.includes(sight.kind)) return sight;
        if (!['pending', 'running'].includes(sight.kind)) throw new Error(`${jobId} is ${JSON.stringify(sight)}`);
        await sleep(50);
      }
    };

    test('starts an attempt that is seen to run and to end', async () => {
      const attempt = probeAttempt({ PROBE_SECONDS: '0.5' });
      expect(await runner.start(attempt)).toMatchObject({ kind: 'accepted' });
      await until(attempt.jobId, 'running');
      expect(await until(attempt.jobId, 'succeeded')).toMatchObject({ errorType: null });
    });

    test('starts an attempt once, however often it is asked to', async () => {
      const attempt = probeAttempt();
      const answers = await Promise.all(Array.from({ length: 5 }, () => runner.start(attempt)));
      expect(answers.map(({ kind }) => kind)).toEqual(Array(5).fill('accepted'));
      await until(attempt.jobId, 'succeeded');
      expect(await runner.start(attempt)).toMatchObject({ kind: 'accepted' });
      const log = (await runner.logTail(attempt.jobId, 100)) ?? '';
      expect(log.match(/probe of/g)).toHaveLength(1);
    });

    test('says with what words an attempt failed', async () => {
      const attempt = probeAttempt({ PROBE_LAST_WORDS: 'it is over' });
      await runner.start(attempt);
      const sight = await until(attempt.jobId, 'failed');
      expect(sight).toMatchObject({ errorType: 'JOB_ENTRYPOINT_COMMAND_ERROR' });
      expect(sight).toHaveProperty('message', expect.stringContaining('exit code 1'));
    });

    test('removes a finished attempt, no live one, and takes a second removal', async () => {
      const attempt = probeAttempt({ PROBE_SECONDS: '0.5' });
      await runner.start(attempt);
      expect(await runner.remove(attempt.jobId)).toBe(false);
      await until(attempt.jobId, 'succeeded');
      expect(await runner.remove(attempt.jobId)).toBe(true);
      expect(await runner.remove(attempt.jobId)).toBe(true);
      expect(await runner.inspect(attempt.jobId)).toMatchObject({ kind: 'gone' });
    });

    test('reads the end of a log, and nothing where there is none', async () => {
      const attempt = probeAttempt();
      await runner.start(attempt);
      await until(attempt.jobId, 'succeeded');
      expect(await runner.logTail(attempt.jobId, 1)).toBe(`probe of ${attempt.attemptUrl}\n`);
      expect(await runner.logTail(probeAttempt().jobId, 10)).toBeNull();
    });
  });
}

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { JobSight, RemoteRunner } from '../../src/core/runner.ts';
import { probeAttempt } from './probe.ts';

/** A cluster whose jobs really run, and a way to it. */
export interface Bench {
  /** A runner that starts probes, on the cluster or at another address. */
  connect(address?: string): RemoteRunner;
  close(): Promise<void>;
}

/** What every remote runner promises, whatever carries it out. */
export function describeRunner(name: string, make: () => Promise<Bench>): void {
  describe(`the runner ${name}`, () => {
    let bench: Bench;
    let runner: RemoteRunner;
    beforeAll(async () => {
      bench = await make();
      runner = bench.connect();
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

    test('does not take another attempt for one of the same id', async () => {
      const attempt = probeAttempt();
      await runner.start(attempt);
      expect(await runner.start({ ...attempt, attempt: 2 })).toMatchObject({ kind: 'refused' });
    });

    test('says with what words an attempt failed', async () => {
      const attempt = probeAttempt({ PROBE_LAST_WORDS: 'it is over' });
      await runner.start(attempt);
      const sight = await until(attempt.jobId, 'failed');
      expect(sight).toMatchObject({ errorType: 'JOB_ENTRYPOINT_COMMAND_ERROR' });
      expect(sight).toHaveProperty('message', expect.stringContaining('exit code 1'));
    });

    test('calls an unknown id gone, from the session in which it would have been started', async () => {
      const health = await runner.health();
      expect(health).toMatchObject({ reachable: true, version: expect.stringMatching(/^\d+\.\d+/) });
      const session = health.reachable ? health.session : '';
      expect(await runner.inspect(probeAttempt().jobId)).toEqual({ kind: 'gone', session });
      expect(await runner.start(probeAttempt())).toEqual({ kind: 'accepted', session });
    });

    test('stops what runs, and takes a stop any number of times, at any time', async () => {
      const attempt = probeAttempt({ PROBE_SECONDS: '60' });
      expect(await runner.stop(attempt.jobId)).toBe(true);
      await runner.start(attempt);
      await until(attempt.jobId, 'running');
      expect(await Promise.all([runner.stop(attempt.jobId), runner.stop(attempt.jobId)])).toEqual([true, true]);
      await until(attempt.jobId, 'stopped');
      expect(await runner.stop(attempt.jobId)).toBe(true);
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

    test('judges nothing by a cluster that is away', async () => {
      const away = bench.connect('http://127.0.0.1:9');
      const attempt = probeAttempt();
      expect(await away.start(attempt)).toMatchObject({ kind: 'unknown' });
      expect(await away.inspect(attempt.jobId)).toMatchObject({ kind: 'unreachable' });
      expect(await away.stop(attempt.jobId)).toBe(false);
      expect(await away.remove(attempt.jobId)).toBe(false);
      expect(await away.logTail(attempt.jobId, 10)).toBeNull();
      expect(await away.health()).toMatchObject({ reachable: false });
    });

    test('waits for a silent server no longer than it may', async () => {
      const silent = await listenSilently();
      const runnerToSilence = bench.connect(`http://127.0.0.1:${(silent.address() as AddressInfo).port}`);
      const startedAt = performance.now();
      const [sight, answer] = await Promise.all([
        runnerToSilence.inspect(probeAttempt().jobId),
        runnerToSilence.start(probeAttempt()),
      ]);
      expect([sight.kind, answer.kind]).toEqual(['unreachable', 'unknown']);
      expect(performance.now() - startedAt).toBeLessThan(6_000);
      silent.closeAllConnections();
      silent.close();
    });
  });
}

async function listenSilently(): Promise<Server> {
  const server = createServer(() => undefined);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AttemptStart, JobSight, RemoteRunner } from '../../src/core/runner.ts';
import { oneByOne, type SingleRunner } from './one-by-one.ts';

/** A cluster, and a way to it. */
export interface Bench {
  /** A runner for the cluster, or for another address. */
  connect(address?: string): RemoteRunner;
  /** A new attempt of a new execution, which runs so long there. */
  attempt(seconds: number): AttemptStart;
  close(): Promise<void>;
}

/** What every remote runner promises, whatever carries it out. */
export function describeRunner(name: string, make: () => Promise<Bench>): void {
  describe(`the runner ${name}`, () => {
    let bench: Bench;
    let runner: SingleRunner;
    beforeAll(async () => {
      bench = await make();
      runner = oneByOne(bench.connect());
    });
    afterAll(() => bench.close());

    const until = async (jobId: string, ...kinds: JobSight['kind'][]): Promise<void> => {
      while (!kinds.includes((await runner.inspect(jobId)).kind)) await sleep(50);
    };

    test('answers for each of many attempts, in their order', async () => {
      const attempts = [bench.attempt(0), bench.attempt(0), bench.attempt(0)];
      const many = bench.connect();
      const [first, ...others] = attempts as [AttemptStart, ...AttemptStart[]];
      const answers = await many.start([
        first,
        { ...first, attempt: 2, attemptUrl: `${first.attemptUrl}2` },
        ...others,
      ]);
      expect(answers.map(({ kind }) => kind).toSorted()).toEqual(['accepted', 'accepted', 'accepted', 'refused']);
      expect(answers.slice(2).map(({ kind }) => kind)).toEqual(['accepted', 'accepted']);
      const sights = await many.inspect([bench.attempt(0).jobId, first.jobId, bench.attempt(0).jobId]);
      expect([sights.length, sights[0]?.kind, sights[2]?.kind]).toEqual([3, 'gone', 'gone']);
      expect([await many.start([]), await many.inspect([])]).toEqual([[], []]);
    });

    test('takes an attempt that is brought again', async () => {
      const attempt = bench.attempt(2);
      const answers = await Promise.all(Array.from({ length: 5 }, () => runner.start(attempt)));
      expect(answers.map(({ kind }) => kind)).toEqual(Array(5).fill('accepted'));
      expect(await runner.start(attempt)).toMatchObject({ kind: 'accepted' });
    });

    test('does not take another attempt for one of the same id', async () => {
      const attempt = bench.attempt(5);
      await runner.start(attempt);
      const other = { ...attempt, attempt: 2, attemptUrl: attempt.attemptUrl.replace(/1$/, '2') };
      expect(await runner.start(other)).toMatchObject({ kind: 'refused' });
    });

    test('calls an unknown id gone, from the session in which it would have been started', async () => {
      const health = await runner.health();
      expect(health).toMatchObject({ reachable: true, version: expect.stringMatching(/^\d+\.\d+/) });
      const session = health.reachable ? health.session : '';
      expect(await runner.inspect(bench.attempt(0).jobId)).toEqual({ kind: 'gone', session });
      expect(await runner.start(bench.attempt(0))).toEqual({ kind: 'accepted', session });
    });

    test('stops what runs, and takes a stop any number of times, at any time', async () => {
      const attempt = bench.attempt(60);
      expect(await runner.stop(attempt.jobId)).toBe(true);
      await runner.start(attempt);
      await until(attempt.jobId, 'running');
      expect(await Promise.all([runner.stop(attempt.jobId), runner.stop(attempt.jobId)])).toEqual([true, true]);
      await until(attempt.jobId, 'stopped', 'failed', 'gone');
      expect(await runner.stop(attempt.jobId)).toBe(true);
    });

    test('keeps no record of what it never had', async () => {
      expect(await runner.remove(bench.attempt(0).jobId)).toBe(true);
      expect(await runner.logTail(bench.attempt(0).jobId, 10)).toBeNull();
    });

    test('judges nothing by a cluster that is away', async () => {
      const away = oneByOne(bench.connect('http://127.0.0.1:9'));
      const attempt = bench.attempt(0);
      expect(await away.start(attempt)).toMatchObject({ kind: 'unknown' });
      expect(await away.inspect(attempt.jobId)).toMatchObject({ kind: 'unreachable' });
      expect(await away.stop(attempt.jobId)).toBe(false);
      expect(await away.remove(attempt.jobId)).toBe(false);
      expect(await away.logTail(attempt.jobId, 10)).toBeNull();
      expect(await away.health()).toMatchObject({ reachable: false });
    });

    test('waits for a silent server no longer than it may', async () => {
      const silent = await listenSilently();
      const runnerToSilence = oneByOne(bench.connect(`http://127.0.0.1:${(silent.address() as AddressInfo).port}`));
      const startedAt = performance.now();
      const [sight, answer] = await Promise.all([
        runnerToSilence.inspect(bench.attempt(0).jobId),
        runnerToSilence.start(bench.attempt(0)),
      ]);
      expect([sight.kind, answer.kind]).toEqual(['unreachable', 'unknown']);
      expect(performance.now() - startedAt).toBeLessThan(15_000);
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

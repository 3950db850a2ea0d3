import { describe, expect, test } from 'vitest';
import type { Trouble } from '../support/fake-ray.ts';
import { probeAttempt } from './probe.ts';
import { openBench } from './ray-bench.ts';

/** What a start makes of each trouble with its submission, and whether Ray has the job nevertheless. */
const cases: Record<string, { troubles: Trouble[]; answer: 'accepted' | 'unknown'; jobs: 0 | 1 }> = {
  'was lost on its way': { troubles: ['drop', 'hang'], answer: 'unknown', jobs: 0 },
  'was taken, and the answer lost': {
    troubles: ['takeThenDrop', 'takeThen500', 'takeThenHang', 'kvGhost'],
    answer: 'accepted',
    jobs: 1,
  },
  'met an error that says nothing about it': {
    troubles: ['400', '404', '500', '503', 'noAgent', 'saysExists', 'oddHttp'],
    answer: 'unknown',
    jobs: 0,
  },
  'met somebody who is not Ray': {
    troubles: ['garbage', 'html', 'redirect', 'endless', 'drip'],
    answer: 'unknown',
    jobs: 0,
  },
};

for (const [title, { troubles, answer, jobs }] of Object.entries(cases)) {
  describe(`a submission that ${title}`, () => {
    test.each(troubles)('%s: is sent once, and leads to one job in the end', async (trouble) => {
      const { ray, runner } = await openBench();
      const attempt = probeAttempt();
      ray.next('submit', trouble);
      expect(await runner.start(attempt)).toMatchObject({ kind: answer });
      expect(ray.count('submit')).toBe(1);
      expect(ray.jobIds).toHaveLength(jobs);

      expect(await runner.start(attempt)).toEqual({ kind: 'accepted', session: ray.session });
      expect(ray.jobIds).toEqual([attempt.jobId]);
      expect(ray.accepted.length + (trouble === 'kvGhost' ? 1 : 0)).toBe(1);
    });
  });
}

test.each(['401', '403', '405'] as const)(
  'a submission answered %s stays in doubt, and says what to mend',
  async (status) => {
    const { ray, runner } = await openBench();
    ray.next('submit', status);
    const answer = await runner.start(probeAttempt());
    expect(answer).toMatchObject({
      kind: 'unknown',
      message: expect.stringMatching(/RAY_AUTH_TOKEN|MOBULA_RAY_HEADERS/),
    });
    expect(ray.jobIds).toEqual([]);
  },
);

test.each(['version', 'package', 'upload'] as const)('nothing is submitted where the %s call fails', async (call) => {
  const { ray, runner } = await openBench();
  for (const trouble of ['500', 'hang', '403'] as const) {
    ray.next(call, trouble);
    expect(await runner.start(probeAttempt())).toMatchObject({ kind: 'unknown' });
  }
  expect(ray.count('submit')).toBe(0);
  expect(await runner.start(probeAttempt())).toMatchObject({ kind: 'accepted' });
});

test('what Ray will never take is refused, with the reason Ray gives and no traceback', async () => {
  const { ray, runner } = await openBench();
  const { ray: options, ...attempt } = probeAttempt();
  const labelled = await runner.start({ ...attempt, ray: { ...options, labelSelector: { 'no label': 'x' } } });
  expect(labelled).toEqual({
    kind: 'refused',
    message: 'Ray answered 500: ValueError: Invalid label key name `no label`.',
  });
  const odd = await runner.start({ ...attempt, ray: { ...options, numCpus: 'two' as unknown as number } });
  expect(odd).toEqual({ kind: 'refused', message: expect.stringContaining('TypeError: entrypoint_num_cpus must be') });
  expect(ray.jobIds).toEqual([]);
});

test('a refusal counts only where Ray has no such job from an earlier submission', async () => {
  const { ray, runner } = await openBench();
  const attempt = probeAttempt();
  const wrong = { ...attempt, ray: { callable: 'a:b', labelSelector: { 'no label': 'x' } } };
  ray.next('inspect', '503');
  expect(await runner.start(wrong)).toMatchObject({ kind: 'unknown' });
  await runner.start(attempt);
  expect(await runner.start(wrong)).toMatchObject({ kind: 'accepted' });
});

test('what cannot be sent is refused without a word to Ray', async () => {
  const { ray, runner } = await openBench();
  const { ray: options, ...attempt } = probeAttempt();
  const start = (envVars: unknown) =>
    runner.start({ ...attempt, ray: { ...options, runtimeEnv: { env_vars: envVars } } });
  expect(await start({ A: 'é'.repeat(17_000) })).toMatchObject({
    kind: 'refused',
    message: expect.stringContaining('100000'),
  });
  expect(await start({ A: 1 })).toMatchObject({ kind: 'refused', message: expect.stringContaining('env_vars.A') });
  expect(ray.ledger).toEqual([]);
});

test('a job of the same id that is not ours is not adopted', async () => {
  const { ray, runner } = await openBench();
  const attempt = probeAttempt();
  await runner.start({ ...attempt, executionId: 'another' });
  expect(await runner.start(attempt)).toMatchObject({
    kind: 'refused',
    message: expect.stringContaining(attempt.jobId),
  });
  expect(ray.jobIds).toHaveLength(1);
});

describe('the version of Ray', () => {
  test.each(['2.53.0', '2.9.3', '1.13.0', 'unknown'])(
    '%s is refused, and costs the attempt nothing',
    async (version) => {
      const { ray, runner } = await openBench({}, { version });
      await expect(runner.start(probeAttempt())).rejects.toMatchObject({ code: 'ray_refused' });
      expect(await runner.health()).toMatchObject({
        reachable: false,
        reason: expect.stringContaining('MOBULA_ALLOW_INSECURE_RAY'),
      });
      expect(ray.count('submit')).toBe(0);
    },
  );

  test.each(['2.54.0', '2.100.1', '3.0.0.dev0'])('%s is new enough', async (version) => {
    const { runner } = await openBench({}, { version });
    expect(await runner.start(probeAttempt())).toMatchObject({ kind: 'accepted' });
  });

  test('an old one is used where the deployment says so', async () => {
    const { runner } = await openBench({ allowInsecure: true }, { version: '2.40.0' });
    expect(await runner.start(probeAttempt())).toMatchObject({ kind: 'accepted' });
    expect(await runner.health()).toMatchObject({ reachable: true, version: '2.40.0' });
  });
});

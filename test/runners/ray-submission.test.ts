import fc from 'fast-check';
import { expect, test } from 'vitest';
import { limits } from '../../src/core/limits.ts';
import { probeAttempt } from './probe.ts';
import { anyPackage, lastSubmission, openBench } from './ray-bench.ts';

const driverUri = `gcs://${anyPackage.name}`;

test('a submission holds the attempt, and nothing that the task does not ask for', async () => {
  const { ray, runner } = await openBench();
  const attempt = { ...probeAttempt(), ray: { callable: 'package.module:function' } };
  await runner.start(attempt);
  expect(lastSubmission(ray)).toEqual({
    submission_id: attempt.jobId,
    entrypoint: 'exec python -m mobula_driver',
    metadata: { mobula_execution: attempt.executionId, mobula_attempt: '1' },
    runtime_env: {
      env_vars: { MOBULA_ATTEMPT_URL: attempt.attemptUrl, MOBULA_CAPABILITY: attempt.capability },
      py_modules: [driverUri],
    },
  });
});

test('what the task asks for reaches Ray under Ray’s own names', async () => {
  const { ray, runner } = await openBench();
  const asked = { numCpus: 0.5, numGpus: 0, memory: 1_000, resources: { tpu: 1 }, labelSelector: { zone: 'b' } };
  await runner.start({ ...probeAttempt(), ray: { callable: 'a:b', ...asked } });
  expect(lastSubmission(ray)).toMatchObject({
    entrypoint_num_cpus: 0.5,
    entrypoint_num_gpus: 0,
    entrypoint_memory: 1_000,
    entrypoint_resources: { tpu: 1 },
    entrypoint_label_selector: { zone: 'b' },
  });
});

test('a task’s runtime environment lies over the deployment’s, variable by variable, and ours over both', async () => {
  const runtimeEnv = {
    env_vars: { BOTH: 'deployment', DEPLOYMENT: 'yes', MOBULA_CAPABILITY: 'forged' },
    pip: ['numpy'],
    working_dir: 'gcs://deployment.zip',
    py_modules: ['gcs://deployment-modules.zip'],
  };
  const { ray, runner } = await openBench({ runtimeEnv });
  const own = { env_vars: { BOTH: 'task', MOBULA_ATTEMPT_URL: 'http://forged' }, working_dir: 'gcs://task.zip' };
  const attempt = { ...probeAttempt(), ray: { callable: 'a:b', runtimeEnv: own } };
  await runner.start(attempt);
  expect(lastSubmission(ray)['runtime_env']).toEqual({
    env_vars: {
      BOTH: 'task',
      DEPLOYMENT: 'yes',
      MOBULA_ATTEMPT_URL: attempt.attemptUrl,
      MOBULA_CAPABILITY: attempt.capability,
    },
    pip: ['numpy'],
    working_dir: 'gcs://task.zip',
    py_modules: ['gcs://deployment-modules.zip', driverUri],
  });

  await runner.start({ ...probeAttempt(), ray: { callable: 'a:b', runtimeEnv: { py_modules: ['gcs://task.zip'] } } });
  expect(lastSubmission(ray)['runtime_env']).toMatchObject({ py_modules: ['gcs://task.zip', driverUri] });
});

test('whatever an attempt is made of, the shell sees one line that never changes', async () => {
  const { ray, runner } = await openBench();
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.constantFrom('$(id)', '`id`', '"; id #', "'\n id", '😀'),
  );
  const attempts = fc.record({ capability: text, callable: text, value: text });
  await fc.assert(
    fc.asyncProperty(attempts, async ({ capability, callable, value }) => {
      const attempt = probeAttempt();
      const answer = await runner.start({
        ...attempt,
        capability,
        ray: { callable, runtimeEnv: { env_vars: { VALUE: value } } },
      });
      expect(answer).toMatchObject({ kind: 'accepted' });
      const body = lastSubmission(ray);
      expect(body['entrypoint']).toMatch(/^exec python -m mobula_driver$/);
      expect(body['submission_id']).toMatch(/^[A-Za-z0-9_-]{1,64}$/);
      const { env_vars: envVars } = body['runtime_env'] as { env_vars: Record<string, string> };
      expect(envVars).toMatchObject({ VALUE: value, MOBULA_CAPABILITY: capability });
    }),
    { numRuns: 200 },
  );
});

test('attempts that share a job are one submission, in the order in which they are to run', async () => {
  const { ray, many } = await openBench();
  const [first, second] = [probeAttempt(), probeAttempt()];
  const together = [first, second].map((attempt) => ({ ...attempt, jobId: 'mobula-shared-1', sharesJob: true }));
  const alone = probeAttempt();
  const answers = await many.start([...together.slice(0, 1), alone, ...together.slice(1)]);
  expect(answers.map(({ kind }) => kind)).toEqual(['accepted', 'accepted', 'accepted']);
  expect(ray.accepted).toHaveLength(2);
  const shared = ray.accepted.find(({ submission_id }) => submission_id === 'mobula-shared-1');
  expect(shared).toMatchObject({
    entrypoint: 'exec python -m mobula_driver',
    metadata: { mobula_shared_job: 'mobula-shared-1' },
  });
  expect(shared?.runtime_env?.['env_vars']).toEqual({
    MOBULA_ATTEMPTS: JSON.stringify([
      [first.attemptUrl, first.capability],
      [second.attemptUrl, second.capability],
    ]),
  });
});

test('a task cannot say what is ours to say, in a job of its own or a shared one', async () => {
  const { ray, runner } = await openBench({ runtimeEnv: { env_vars: { MOBULA_ATTEMPTS: '[["http://forged","x"]]' } } });
  const forged = { env_vars: { MOBULA_ATTEMPTS: 'forged', MOBULA_CAPABILITY: 'forged' } };
  const attempt = { ...probeAttempt(), ray: { callable: 'a:b', runtimeEnv: forged } };
  await runner.start(attempt);
  expect(lastSubmission(ray)['runtime_env']).toMatchObject({
    env_vars: { MOBULA_ATTEMPT_URL: attempt.attemptUrl, MOBULA_CAPABILITY: attempt.capability },
  });
  expect(lastSubmission(ray)['runtime_env']).not.toHaveProperty('env_vars.MOBULA_ATTEMPTS');
});

test('the largest shared job there may be is within what Ray takes', async () => {
  const { many } = await openBench();
  const capability = 'c'.repeat(400);
  const attempts = Array.from({ length: limits.executionsPerJobMax }, () => ({
    ...probeAttempt(),
    attemptUrl: `https://${'a'.repeat(200)}.example/attempts/${crypto.randomUUID()}/100`,
    capability,
    jobId: 'mobula-shared-2',
    sharesJob: true,
  }));
  expect((await many.start(attempts)).every(({ kind }) => kind === 'accepted')).toBe(true);
});

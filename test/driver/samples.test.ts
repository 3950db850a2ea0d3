import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { drive, outcomeOf } from './drive.ts';

const sample = (name: string, input: unknown) =>
  outcomeOf({ begun: { callable: `mobula_driver.samples:${name}` }, input: JSON.stringify(input) });

describe.concurrent('the sample tasks', { timeout: 30_000 }, () => {
  test.each([
    ['add_numbers', { a: 1, b: 2.5 }, 3.5],
    ['multiply_numbers', { a: 3, b: 4 }, 12],
    ['echo_task', { value: { deep: [null] } }, { deep: [null] }],
    ['cpu_intensive_task', { n: 1000 }, 332833500],
    ['large_task', { bytes: 10 }, 'xxxxxxxxxx'],
    ['slow_task', { seconds: 0.5 }, { slept: 0.5 }],
  ])('%s', async (name, input, result) => {
    expect((await sample(name, input)).body).toEqual({ outcome: 'succeeded', result });
  });

  test('failing_task raises a ValueError', async () => {
    const { body } = await sample('failing_task', { message: 'on purpose' });
    expect(body.error).toMatchObject({ type: 'ValueError', message: 'on purpose' });
    expect(body.error.traceback).toContain('in failing_task');
  });

  test('slow_task says how far it is, and stops when it is cancelled', async () => {
    await using run = await drive({
      begun: { callable: 'mobula_driver.samples:slow_task', heartbeat_seconds: 5 },
      input: '{"seconds":60}',
      reply: ({ verb }, count) => (verb === 'beat' ? { json: { cancel: count > 1 } } : undefined),
    });

    expect((await run.ended).code).toBe(0);
    const [first, second] = run.of('beat').map(({ body }) => body.progress);
    expect(first).toBeLessThan(0.02);
    expect(second).toBeGreaterThan(first);
    expect(second).toBeLessThan(0.1);
    expect(run.of('complete')[0]!.body).toEqual({ outcome: 'cancelled' });
  });

  test('run as plain functions too, where there is no context', () => {
    const program = [
      'import mobula_driver',
      'from mobula_driver.samples import slow_task',
      'print(slow_task(seconds=0.01))',
      'try: mobula_driver.context()',
      'except RuntimeError as error: print(error)',
    ].join('\n');
    const env = {
      ...process.env,
      PYTHONPATH: join(import.meta.dirname, '../../infra/ray'),
      PYTHONDONTWRITEBYTECODE: '1',
    };
    const python = process.env['MOBULA_TEST_PYTHON'] ?? 'python3';
    const said = execFileSync(python, ['-c', program], { env, encoding: 'utf8' });
    expect(said).toMatch(/^\{'slept': 0.01\}\nmobula_driver.context\(\) works only in a process .*\n$/);
  });
});

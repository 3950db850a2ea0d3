import { expect, test, vi } from 'vitest';
import { logJson } from '../../src/log.ts';
import { tasks } from '../functions/tasks.ts';
import { enqueue, useFresh } from '../support/fresh.ts';

const fresh = useFresh(tasks);

const endings = (app: ReturnType<typeof fresh.make>) => app.lines.filter(({ event }) => event === 'attempt_ended');

test('the end of each attempt is a line with all that an operator looks for, and no input or value', async () => {
  const app = fresh.make();
  const { id } = await enqueue(app, 'note', { value: 42 }, { priority: 7 });
  await app.call('POST', '/run', {});
  expect(endings(app)).toEqual([
    {
      level: 'info',
      event: 'attempt_ended',
      members: {
        id,
        task: 'note',
        queue: 'default',
        priority: 7,
        attempt: 1,
        runner: 'inline',
        state: 'SUCCEEDED',
        duration_seconds: expect.any(Number),
      },
    },
  ]);
});

test('a failure names its class: as news while another attempt follows, as a warning when none does', async () => {
  const app = fresh.make({ env: { MOBULA_RETRY_BACKOFF_SECONDS: '0', MOBULA_MAX_TASK_ATTEMPTS: '2' } });
  await enqueue(app, 'fail', {});
  await app.call('POST', '/run', {});
  await app.call('POST', '/run', {});
  expect(endings(app)).toMatchObject([
    { level: 'info', members: { attempt: 1, state: 'QUEUED', error: expect.any(String) } },
    { level: 'warn', members: { attempt: 2, state: 'FAILED', error: expect.any(String) } },
  ]);
});

test('whatever a queue is called, a line stays one line of JSON', async () => {
  const hostile = 'a"}\r\n{"message":"forged"}\u001b[31m\u202e';
  const printed: string[] = [];
  const write = vi.spyOn(console, 'error').mockImplementation((line: string) => void printed.push(line));
  const app = fresh.make({ env: { MOBULA_QUEUES: '*' }, log: logJson });
  await enqueue(app, 'note', { value: 1 }, { queue_name: hostile });
  await app.call('POST', '/run', {});
  write.mockRestore();
  expect(printed).toHaveLength(1);
  expect(printed[0]).not.toMatch(/\p{Cc}/u);
  expect(JSON.parse(printed[0] ?? '')).toMatchObject({ message: 'attempt_ended', queue: hostile });
});

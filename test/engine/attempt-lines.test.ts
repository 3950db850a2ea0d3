import { expect, test } from 'vitest';
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

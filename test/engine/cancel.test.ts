import { task } from 'mobula';
import { expect, test } from 'vitest';
import * as z from 'zod';
import { enqueue, look, useFresh } from '../support/fresh.ts';

const reasons: unknown[] = [];
const input = z.object({});
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const fresh = useFresh([
  task({
    name: 'listens',
    input,
    run: (_, { signal }) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => resolve(reasons.push(signal.reason)), { once: true });
      }),
  }),
  task({ name: 'deaf', input, run: () => sleep(2_000) }),
]);

const env = {
  MOBULA_WORKER_LEASE_SECONDS: '2',
  MOBULA_WORKER_HEARTBEAT_SECONDS: '0.1',
};

/** Runs it, and cancels it once its code is under way. */
async function cancelWhileRunning(name: string) {
  const engine = fresh.make({ env });
  const { id } = await enqueue(engine, name, {});
  const run = engine.call('POST', '/run');
  while ((await look(engine, id)).state !== 'RUNNING') await sleep(20);
  const { status, body } = await engine.call('POST', `/executions/${id}/cancel`);
  expect([status, body.task.state]).toEqual([202, expect.stringMatching(/^CANCELL(ING|ED)$/)]); // a heartbeat may be faster
  return { engine, id, run };
}

test('a cancel aborts inline code that another call runs, at its next heartbeat', async () => {
  const { engine, id, run } = await cancelWhileRunning('listens');
  await run;
  expect(reasons).toEqual(['cancelled']);
  expect(await look(engine, id)).toMatchObject({ state: 'CANCELLED', result_state: 'none' });
});

test('inline code that is deaf to its cancel ends CANCELLED when it has settled, and no sooner', async () => {
  const { engine, id, run } = await cancelWhileRunning('deaf');
  await sleep(1_300);
  expect(await look(engine, id)).toMatchObject({ state: 'CANCELLING' });
  await run;
  expect(await look(engine, id)).toMatchObject({ state: 'CANCELLED', result_state: 'none' });
});

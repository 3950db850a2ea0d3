import { expect, test } from 'vitest';
import { rayJobId } from '../../src/core/ids.ts';
import { enqueue, expectProblem, useFresh } from '../support/fresh.ts';
import { failed, useDriver } from './driven.ts';
import { tasks } from './tasks.ts';

const fresh = useFresh(tasks);
const driver = useDriver();
const make = () => fresh.make({ ray: driver.ray(), env: { MOBULA_RETRY_BACKOFF_SECONDS: '0' } });

/** Lets a job run, and print. */
function print(id: string, attempt: number, log: string): void {
  driver.ray().setStatus(rayJobId(id, attempt), 'RUNNING');
  driver.ray().setLog(rayJobId(id, attempt), log);
}

test('the end of what a job printed can be read while it runs', async () => {
  const app = make();
  const { id } = await driver.submit(app);
  print(id, 1, 'one\ntwo\nthree\n');
  const { status, body } = await app.call('GET', `/executions/${id}/logs?lines=2`, undefined, { token: 'read' });
  expect([status, body]).toEqual([200, { attempt: 1, ray_job_id: rayJobId(id, 1), log: 'two\nthree\n' }]);
});

test('the latest attempt is shown unless another one is named', async () => {
  const app = make();
  const { id, url, capability } = await driver.begin(app);
  print(id, 1, 'first');
  await app.call('POST', `${url}/complete`, failed, { token: capability });
  await app.call('POST', '/run', {});
  print(id, 2, 'second');
  expect((await app.call('GET', `/executions/${id}/logs`)).body).toMatchObject({ attempt: 2, log: 'second' });
  expect((await app.call('GET', `/executions/${id}/logs?attempt=1`)).body).toMatchObject({ attempt: 1, log: 'first' });
  expectProblem(await app.call('GET', `/executions/${id}/logs?attempt=3`), 404, 'no_logs');
});

test('of a job whose record is gone there is none', async () => {
  const app = make();
  const { id } = await driver.submit(app);
  driver.ray().restart();
  expect((await app.call('GET', `/executions/${id}/logs`)).body).toMatchObject({ attempt: 1, log: null });
});

test('a Ray that is away is said, instead of an empty log', async () => {
  const app = make();
  const { id } = await driver.submit(app);
  await driver.ray().down();
  const answer = await app.call('GET', `/executions/${id}/logs`);
  await driver.ray().up();
  expectProblem(answer, 503, 'ray_unavailable');
});

test('an inline execution has none, nor has one that never ran', async () => {
  const app = make();
  const { id } = await enqueue(app, 'note', { value: 1 });
  expectProblem(await app.call('GET', `/executions/${id}/logs`), 404, 'no_logs');
  await app.call('POST', '/run', {});
  expectProblem(await app.call('GET', `/executions/${id}/logs`), 404, 'no_logs');
});

test.each([
  ['an unknown id', '01890000-0000-7000-8000-000000000000'],
  ['a malformed one', 'x'],
])('%s is 404', async (_, id) => {
  expectProblem(await make().call('GET', `/executions/${id}/logs`), 404, 'execution_not_found');
});

test.each(['0', '1001', 'x', '1.5'])('%s lines are refused', async (lines) => {
  expectProblem(await make().call('GET', `/executions/x/logs?lines=${lines}`), 422, 'invalid_request', 'lines');
});

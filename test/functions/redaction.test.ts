import { task } from 'mobula';
import { expect, test } from 'vitest';
import * as z from 'zod';
import { rayJobId } from '../../src/core/ids.ts';
import { enqueue, useFresh } from '../support/fresh.ts';
import { useDriver } from './driven.ts';
import { tasks } from './tasks.ts';

/** Code that tells what it was given, as code does when it fails. */
const gossip = task({
  name: 'gossip',
  input: z.object({ text: z.string() }),
  run: ({ text }) => {
    throw new Error(text);
  },
});
const fresh = useFresh([...tasks, gossip]);
const driver = useDriver();
const make = (env: Record<string, string> = {}) => fresh.make({ ray: driver.ray(), env });

/** Every outcome there is, as the rows have it. */
const kept = async () => JSON.stringify(await fresh.sql('select t::text as row from mobula.attempts t'));

const gossips = [
  'no login with password=hunter2',
  '{"user": "ada", "api_key": "hunter2"}',
  'GET /v1\nAuthorization: Basic hunter2\nAccept: */*',
  'postgres://ada:hunter2@db.example/app is away',
  'the card of AHV_Nr: hunter2',
];

test.each(gossips)(
  'what code says when it fails is kept and shown without values of secret names: %j',
  async (text) => {
    const app = make({ MOBULA_REDACT_PATTERNS: 'ahv_?nr,iban', MOBULA_MAX_TASK_ATTEMPTS: '1' });
    const { id } = await enqueue(app, 'gossip', { text });
    const { text: answered } = await app.call('POST', `/execute/${id}`, { fail_on_error: true });
    const { body, text: shown } = await app.call('GET', `/executions/${id}`);
    expect(body.task.error).toMatchObject({ type: 'Error', message: expect.stringContaining('[redacted]') });
    expect(body.task.error.traceback).toContain('[redacted]');
    expect([answered, shown, await kept(), JSON.stringify(app.lines)].join()).not.toContain('hunter2');
  },
);

test('what a driver says of its failure is kept without them', async () => {
  const app = make({ MOBULA_MAX_TASK_ATTEMPTS: '1' });
  const { id, url, capability } = await driver.begin(app);
  const error = { type: 'ValueError', message: 'token: hunter2', traceback: "connect(token='hunter2')" };
  await app.call('POST', `${url}/complete`, { outcome: 'failed', error }, { token: capability });
  const { body } = await app.call('GET', `/executions/${id}`);
  expect(body.task.error).toMatchObject({ message: 'token: [redacted]', traceback: "connect(token='[redacted]')" });
  expect(await kept()).not.toContain('hunter2');
});

test('what a job printed is shown without them', async () => {
  const app = make();
  const { id } = await driver.submit(app);
  driver.ray().setStatus(rayJobId(id, 1), 'RUNNING');
  driver.ray().setLog(rayJobId(id, 1), 'starting\nSECRET_KEY=hunter2\nready\n');
  const { body } = await app.call('GET', `/executions/${id}/logs`);
  expect(body.log).toBe('starting\nSECRET_KEY=[redacted]\nready\n');
});

test('what goes wrong outside of an attempt is logged without them', async () => {
  const input = () => {
    throw new Error('no answer to GET /prices?api_key=hunter2');
  };
  const app = fresh.make({ schedules: { minutely: { task: gossip, cron: '* * * * *', input } } });
  await app.call('POST', '/run', {});
  await fresh.sql("update mobula.schedules set next_at = next_at - interval '1 minute'");
  await app.call('POST', '/run', {});
  const [line] = app.lines.filter(({ event }) => event === 'schedule_failed');
  expect(line?.members).toMatchObject({ reason: 'no answer to GET /prices?api_key=[redacted]' });
});

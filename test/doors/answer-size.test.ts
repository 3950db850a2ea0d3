import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type OpenDoor, settings } from '../support/doors/door.ts';
import { lambdaShapes, openLambda } from '../support/doors/lambda.ts';
import { openVercel } from '../support/doors/vercel.ts';
import { FakeS3 } from '../support/fake-s3.ts';
import { useFresh } from '../support/fresh.ts';

const fresh = useFresh([]);
const s3 = new FakeS3();
beforeAll(async () => {
  await s3.start();
  // AWS's own SDK looks for its keys in the process.
  for (const [name, value] of Object.entries(s3.settings)) vi.stubEnv(name, value);
});
afterAll(async () => {
  vi.unstubAllEnvs();
  await s3.close();
});

const headers = (token: string) => ({ 'content-type': 'application/json', authorization: `Bearer ${token}` });

/** Runs a task whose value has so many bytes, quotes included, and asks for it. */
async function resultOf(door: OpenDoor, bytes: number) {
  const asked = JSON.stringify({ task: 'repeat', input: { times: bytes - 2 } });
  const enqueuing = headers(settings.MOBULA_ENQUEUE_TOKENS);
  const made = await door.call({ method: 'POST', path: '/tasks', headers: enqueuing, body: asked });
  await door.cron();
  const path = `/executions/${JSON.parse(made.text).task.id}/result`;
  return door.call({ method: 'GET', path, headers: headers(settings.MOBULA_READ_TOKENS) });
}

test.each([
  ['Lambda', 3_000_000, () => openLambda(fresh.url(), lambdaShapes['function URL'], s3.settings)],
  ['Vercel', 4_400_000, () => openVercel(fresh.url(), s3.settings)],
])('a result that %s has no room for in an answer comes straight from its bucket', async (_, room, open) => {
  const door = open();
  const fitting = await resultOf(door, room);
  expect([fitting.status, fitting.text.length]).toEqual([200, room]);
  const large = await resultOf(door, room + 1);
  expect(large).toMatchObject({ status: 303, text: '' });
  expect(large.headers.get('x-result-bytes')).toBe(String(room + 1));
  expect((await (await fetch(large.headers.get('location') ?? '')).text()).length).toBe(room + 1);
});

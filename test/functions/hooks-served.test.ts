import { bearer } from 'mobula';
import { expect, test } from 'vitest';
import { openNodeDoor } from '../../functions/doors/node.ts';
import type { Hooks } from '../../src/core/hook.ts';
import { useFresh } from '../support/fresh.ts';
import { pause, tasks } from './tasks.ts';

const fresh = useFresh(tasks);
const token = 'the-hook-token-of-the-tests-0123456789';
const hooks: Hooks = { pause: { task: pause, verify: bearer(), input: ({ ms }) => ({ ms }) } };

test('a served delivery starts without a cron, and a door that closes waits for what it started', async () => {
  const app = fresh.make({ hooks, env: { MOBULA_HOOK_PAUSE_SECRETS: token } });
  const door = await openNodeDoor({ ...app.mobula, callSeconds: 30 }, { host: '127.0.0.1', port: 0 });
  const response = await fetch(`${door.url}/hooks/pause`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: '{"ms":200}',
  });
  expect([response.status, await response.json()]).toMatchObject([201, { task: { state: 'QUEUED' } }]);
  await door.close();
  expect(await fresh.sql('select state from mobula.executions')).toEqual([{ state: 'SUCCEEDED' }]);
});

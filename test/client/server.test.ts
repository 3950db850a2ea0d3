import { expect, test } from 'vitest';
import { createClient } from '../../src/client/client.ts';
import { useDatabase } from '../support/database.ts';
import { startServer, token } from '../support/server.ts';

const database = useDatabase();

test('a wait outlives the server: it goes on with the next one at the same address', async () => {
  const env = { DATABASE_URL: database.url() };
  const first = await startServer(env);
  const { url, port } = first;
  const mobula = createClient({ baseUrl: url, token });
  const handle = await mobula.enqueue('echo_task', { value: 'there' });
  const seen: string[] = [];
  const waiting = createClient({ baseUrl: url }).wait(handle, { onChange: ({ state }) => seen.push(state) });
  while (seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  await first.stop('SIGKILL');
  const second = await startServer(env, port);
  await second.call('POST', '/run', {});
  expect(await waiting).toMatchObject({ state: 'SUCCEEDED', result: 'there' });
  expect(seen).toEqual(['QUEUED', 'SUCCEEDED']);
  await second.stop();
}, 60_000);

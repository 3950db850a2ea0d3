import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { useDatabase } from '../support/database.ts';
import { type Server, startServer } from '../support/server.ts';

const database = useDatabase();
let server: Server;
beforeAll(async () => {
  server = await startServer({ DATABASE_URL: database.url() });
});
afterAll(() => server.stop());

/** A client that begins to ask and never comes to the end. */
async function dawdle(words: string): Promise<Socket> {
  const socket = connect(server.port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(words);
  return socket;
}

test('callers that never finish asking keep nobody else waiting', async () => {
  const head = 'POST /run HTTP/1.1\r\nhost: x\r\n';
  const body = `${head}content-type: application/json\r\ncontent-length: 100\r\n\r\n{`;
  const sockets = await Promise.all(Array.from({ length: 300 }, (_, n) => dawdle(n % 2 === 0 ? head : body)));
  const answers = await Promise.all(Array.from({ length: 20 }, () => server.call('GET', '/executions/stats')));
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 20 }, () => 200));
  for (const socket of sockets) socket.destroy();
});

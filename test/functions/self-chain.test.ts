import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { openNodeDoor } from '../../functions/doors/node.ts';
import { bearerTokens, type TestEngine } from '../support/engine.ts';
import { enqueue, useFresh } from '../support/fresh.ts';
import { tasks } from './tasks.ts';

const fresh = useFresh(tasks);
const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

/** A call that the app made to itself, and when. */
interface Link {
  readonly token: string;
  readonly body: string;
}

interface Chained {
  readonly engine: TestEngine;
  readonly url: string;
  readonly links: readonly Link[];
  run(token?: string): Promise<number>;
}

/** An app whose calls to itself pass by somebody who notes them; it has little time for each call. */
async function serve(env: Record<string, string>): Promise<Chained> {
  const links: Link[] = [];
  let appUrl = '';
  const relay = createServer(async (request, response) => {
    const body = await textOf(request);
    const authorization = request.headers.authorization ?? '';
    links.push({ token: authorization.replace('Bearer ', ''), body });
    const headers = { authorization, 'content-type': 'application/json' };
    const answer = await fetch(appUrl + request.url, { method: 'POST', headers, body }).catch(() => null);
    response.writeHead(answer?.status ?? 502).end();
  }).listen(0, '127.0.0.1');
  await once(relay, 'listening');
  const url = `http://127.0.0.1:${(relay.address() as AddressInfo).port}`;
  const settings = { MOBULA_PUBLIC_URL: url, MOBULA_DEFAULT_CONCURRENCY: '1', ...env };
  const engine = fresh.make({ env: settings });
  const door = await openNodeDoor({ ...engine.mobula, callSeconds: 0.3 }, { host: '127.0.0.1', port: 0 });
  appUrl = door.url;
  closers.push(async () => {
    await door.close();
    relay.closeAllConnections();
    relay.close();
  });
  const run = async (token: string = bearerTokens.trigger) =>
    (await fetch(`${appUrl}/run`, { method: 'POST', headers: { authorization: `Bearer ${token}` } })).status;
  return { engine, url: appUrl, links, run };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** More than a call has time for. */
const enqueueNaps = (engine: TestEngine, count: number) =>
  Promise.all(Array.from({ length: count }, () => enqueue(engine, 'pause', { ms: 60 })));

const left = async () =>
  (await fresh.sql<{ n: number }>(`select count(*)::int as n from mobula.executions where state <> 'SUCCEEDED'`))[0]?.n;
const leases = async () => (await fresh.sql(`select 1 from mobula.invocations`)).length;

test('one call from outside is enough: each that had to stop calls the next, until all is done', async () => {
  const { engine, links, run } = await serve({ MOBULA_SELF_CHAIN: '100' });
  await enqueueNaps(engine, 20);
  expect(await run()).toBe(200);
  expect(await left()).toBeGreaterThan(0);
  await expect.poll(left, { timeout: 10_000 }).toBe(0);
  await expect.poll(leases).toBe(0);
  expect(links.length).toBeGreaterThan(2);
});

test('a chain is as long as it may be, and then waits for the cron', async () => {
  const { engine, links, run } = await serve({ MOBULA_SELF_CHAIN: '2' });
  await enqueueNaps(engine, 40);
  await run();
  await expect.poll(leases, { timeout: 5_000 }).toBe(0);
  expect(links).toHaveLength(2);
  expect(await left()).toBeGreaterThan(0);
});

test('calls from outside do not multiply it: while one is live no other begins', async () => {
  const { engine, links, run } = await serve({ MOBULA_SELF_CHAIN: '3' });
  await enqueueNaps(engine, 60);
  await Promise.all(Array.from({ length: 6 }, () => run()));
  await expect.poll(leases, { timeout: 10_000 }).toBe(0);
  expect(links).toHaveLength(3);
});

test('a link is good for one call, of one route, also while its chain is live', async () => {
  const { engine, links, url, run } = await serve({ MOBULA_SELF_CHAIN: '100' });
  await enqueueNaps(engine, 40);
  await run();
  await expect.poll(() => links.length, { interval: 10 }).toBeGreaterThan(1);
  const token = links[0]?.token ?? '';
  expect(await run(token)).toBe(401);
  const headers = { authorization: `Bearer ${token}` };
  for (const path of ['/run-one', '/purge', '/tasks']) {
    expect((await fetch(url + path, { method: 'POST', headers })).status).toBe(401);
  }
  expect(await leases()).toBeGreaterThan(0);
  await expect.poll(leases, { timeout: 10_000 }).toBe(0);
  expect(await run(token)).toBe(401);
});

test('who asks for some queues, or for a number, gets no more than that', async () => {
  const { engine, links, url } = await serve({ MOBULA_SELF_CHAIN: '1', MOBULA_QUEUES: 'default,other' });
  await enqueueNaps(engine, 20);
  const headers = { authorization: `Bearer ${bearerTokens.trigger}`, 'content-type': 'application/json' };
  await fetch(`${url}/run`, { method: 'POST', headers, body: '{"max_tasks": 1}' });
  expect(links).toHaveLength(0);
  await fetch(`${url}/run`, { method: 'POST', headers, body: '{"queue_name": "default"}' });
  await expect.poll(() => links.map(({ body }) => JSON.parse(body))).toEqual([{ queue_name: ['default'] }]);
  await expect.poll(leases, { timeout: 5_000 }).toBe(0);
});

test('one that cannot be called ends the chain, and the call itself is none the worse', async () => {
  const { engine, run } = await serve({ MOBULA_SELF_CHAIN: '5', MOBULA_PUBLIC_URL: 'http://127.0.0.1:9' });
  await enqueueNaps(engine, 20);
  expect(await run()).toBe(200);
  await expect.poll(leases).toBe(0);
  expect(engine.lines.map(({ event }) => event)).toContain('chain_broken');
});

test('nobody is called unless it is set', async () => {
  const { engine, links, run } = await serve({});
  await enqueueNaps(engine, 20);
  await run();
  expect({ links: links.length, leases: await leases() }).toEqual({ links: 0, leases: 0 });
});

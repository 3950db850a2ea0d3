import { quantile, shuffled } from '../rounds.ts';
import type { Section } from '../section.ts';
import type { Loaded } from './load.ts';
import { type Loader, startLoader, writeRequest } from './loader.ts';
import { type Contestant, type Servers, startServers } from './servers.ts';

const goal = { ratio: 0.6, p99Ms: 30 };
const connections = 16;
/** By the clock more may be under way, so that a server that stumbles is not spared what was due meanwhile. */
const connectionsByClock = 64;

const sizes = {
  whole: { warmSeconds: 5, rounds: 5, seconds: 1.5, clockRounds: 3, clockSeconds: 4, rows: 100 },
  quick: { warmSeconds: 0.3, rounds: 1, seconds: 0.3, clockRounds: 1, clockSeconds: 0.5, rows: 5 },
};
type Size = (typeof sizes)['whole'];

interface Route {
  readonly name: string;
  readonly status: number;
  readonly ours: readonly string[];
  readonly bare: readonly string[];
}

type Side = 'ours' | 'bare';

/** Answers how fast the app answers beside a bare route that does the same one thing with the database. */
export async function measure({ quick = false }: { quick?: boolean } = {}): Promise<Section> {
  const size = sizes[quick ? 'quick' : 'whole'];
  const servers = await startServers();
  const loader = startLoader();
  try {
    const rows: string[][] = [];
    for (const route of await routesOf(servers, size.rows)) rows.push(await race(loader, servers, route, size));
    return { title: 'HTTP: status and enqueue beside a bare route', notes: notesOf(size), columns, rows };
  } finally {
    loader.stop();
    await servers.stop();
  }
}

async function race(loader: Loader, servers: Servers, route: Route, size: Size): Promise<string[]> {
  const call = (side: Side, how: { seconds: number; rate: number | null }) =>
    loader.run({
      port: servers[side].port,
      requests: route[side],
      status: route.status,
      connections: how.rate === null ? connections : connectionsByClock,
      ...how,
    });
  for (const side of ['ours', 'bare'] as const) await call(side, { seconds: size.warmSeconds, rate: null });
  const closed = await inRounds(size.rounds, (side) => call(side, { seconds: size.seconds, rate: null }));
  const rate = { ours: median(closed.ours, 'rate'), bare: median(closed.bare, 'rate') };
  const half = { seconds: size.clockSeconds, rate: rate.ours / 2 };
  const open = await inRounds(size.clockRounds, (side) => call(side, half));
  const ratio = rate.ours / rate.bare;
  const p99 = median(open.ours, 'p99');
  return [
    route.name,
    rate.ours.toFixed(0),
    rate.bare.toFixed(0),
    ratio.toFixed(2),
    ratio >= goal.ratio ? 'yes' : 'no',
    half.rate.toFixed(0),
    median(open.ours, 'p50').toFixed(1),
    p99.toFixed(1),
    p99 < goal.p99Ms ? 'yes' : 'no',
    `${median(open.bare, 'p50').toFixed(1)} / ${median(open.bare, 'p99').toFixed(1)}`,
  ];
}

/** Both sides in each round, now one first and now the other. */
async function inRounds(rounds: number, run: (side: Side) => Promise<Loaded>): Promise<Record<Side, Loaded[]>> {
  const found: Record<Side, Loaded[]> = { ours: [], bare: [] };
  for (let round = 0; round < rounds; round += 1) {
    for (const side of shuffled(['ours', 'bare'] as const)) found[side].push(await run(side));
  }
  return found;
}

const median = (of: readonly Loaded[], what: keyof Loaded): number =>
  quantile(
    of.map((each) => each[what]),
    0.5,
  );

/** The same rows for both sides: read by their admin token, by their status tokens, and again when they have not changed. */
async function routesOf({ ours, bare }: Servers, rows: number): Promise<Route[]> {
  const enqueued = await Promise.all(Array.from({ length: rows }, () => enqueue(ours)));
  const reads = (headers: Contestant['headers']) =>
    enqueued.map(({ id }) => writeRequest({ method: 'GET', path: `/status/${id}`, headers }));
  const byToken = enqueued.map(({ id, token }) =>
    writeRequest({ method: 'GET', path: `/status/${id}`, headers: { authorization: `Bearer ${token}` } }),
  );
  const post = (headers: Contestant['headers']) => [
    writeRequest({ method: 'POST', path: '/tasks', headers, body: wish }),
  ];
  const etag = { ours: '"1-read"', bare: '"1"' };
  const unchanged = (side: Side, { headers }: Contestant) => reads({ ...headers, 'if-none-match': etag[side] });
  return [
    { name: 'GET /status/:id', status: 200, ours: reads(ours.headers), bare: reads(bare.headers) },
    { name: 'the same, by status token', status: 200, ours: byToken, bare: reads(bare.headers) },
    { name: 'the same, unchanged: 304', status: 304, ours: unchanged('ours', ours), bare: unchanged('bare', bare) },
    { name: 'POST /tasks', status: 201, ours: post(ours.headers), bare: post(bare.headers) },
  ];
}

const wish = { task: 'add_numbers', input: { a: 1, b: 2 } };

async function enqueue({ port, headers }: Contestant): Promise<{ id: string; token: string }> {
  const answer = await fetch(`http://127.0.0.1:${port}/tasks`, {
    method: 'POST',
    headers: { ...headers, 'content-type': 'application/json' },
    body: JSON.stringify(wish),
  });
  const { task, status_token: token } = (await answer.json()) as { task: { id: string }; status_token: string };
  return { id: task.id, token };
}

const columns = [
  'route',
  'ours/s',
  'bare/s',
  'ratio',
  `≥ ${goal.ratio}`,
  'half the rate',
  'p50 ms',
  'p99 ms',
  `< ${goal.p99Ms} ms`,
  'bare p50 / p99',
];

const notesOf = ({ rounds, seconds, clockRounds, clockSeconds }: Size): string[] => [
  `\`npm run serve\` beside the barest server that could answer: Hono, @hono/node-server and pg, one select or one insert of
one row (into the like of our table, with all its indexes), no proof of who calls and no checks. Ours checks the bearer
and the body, writes two rows for an execution, and signs a status token for it. Each is one process with a pool of eight;
both are over one Postgres that forces every commit to disk. The calls come from a process of their own, by raw sockets.`,
  `Rates: ${connections} kept connections, each with its next call when it is answered; medians of ${rounds} rounds of ${seconds} s, both sides
taking turns. Times: calls come by the clock at half of our rate, whether or not those before are answered (up to
${connectionsByClock} at once), and a time begins when its call was due; medians of ${clockRounds} rounds of ${clockSeconds} s.`,
];

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type ClientBase, DatabaseError, Pool, type QueryArrayConfig } from 'pg';

/** What a stand-in does to one request instead of answering it. */
export type NeonTrouble = 'drop' | 'lose_answer' | 'hang' | 500 | 503;

/** Neon's `/sql` in front of a Postgres of our own. */
export interface NeonStandIn extends AsyncDisposable {
  /** For `MOBULA_NEON_FETCH_ENDPOINT`. */
  readonly endpoint: string;
  /** Requests so far, and how many statements they held. */
  readonly counts: { requests: number; statements: number };
  /** Lets the next request go wrong; `lose_answer` does what it asks first. */
  next(trouble: NeonTrouble): void;
  close(): Promise<void>;
}

interface Query {
  readonly query: string;
  readonly params?: unknown[];
}

/**
 * Speaks Neon's HTTP protocol as the driver of 1.2.0 does: one statement or a batch in one transaction, always the extended
 * protocol (so that two statements in one text are refused), values as Postgres's raw text, rows as arrays where asked,
 * errors as 400 with Postgres's own fields.
 */
export async function startNeon(): Promise<NeonStandIn> {
  const pools = new Map<string, Pool>();
  const troubles: NeonTrouble[] = [];
  const counts = { requests: 0, statements: 0 };

  const poolOf = (url: string): Pool => {
    const pool = pools.get(url) ?? new Pool({ connectionString: url, max: 20 });
    if (!pools.has(url)) pool.on('error', () => undefined); // the test's database was dropped
    pools.set(url, pool);
    return pool;
  };

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { query, params, queries } = JSON.parse(await textOf(request));
    const batch: Query[] | null = queries ?? null;
    counts.requests += 1;
    counts.statements += batch?.length ?? 1;
    const trouble = troubles.shift();
    if (trouble === 'hang') return;
    if (trouble === 'drop') return void response.destroy();
    if (typeof trouble === 'number') return void response.writeHead(trouble).end('upstream trouble');
    const pool = poolOf(String(request.headers['neon-connection-string']));
    const reply = await answer(pool, batch ?? { query, params }, request.headers);
    if (trouble === 'lose_answer') return void response.destroy();
    response.writeHead(reply.status, { 'content-type': 'application/json' }).end(JSON.stringify(reply.body));
  }

  const server = createServer((request, response) => void serve(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = async () => {
    server.closeAllConnections();
    server.close();
    await Promise.all([...pools.values()].map((pool) => pool.end()));
  };
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}/sql`,
    counts,
    next: (trouble) => void troubles.push(trouble),
    close,
    [Symbol.asyncDispose]: close,
  };
}

async function answer(pool: Pool, asked: Query | Query[], headers: IncomingMessage['headers']) {
  const asArrays = headers['neon-array-mode'] === 'true';
  const client = await pool.connect();
  try {
    if (!Array.isArray(asked)) return { status: 200, body: await ask(client, asked, asArrays) };
    return { status: 200, body: { results: await askAll(client, asked, { asArrays, headers }) } };
  } catch (error) {
    if (!(error instanceof DatabaseError)) throw error;
    return { status: 400, body: { ...error, message: error.message } };
  } finally {
    client.release();
  }
}

async function askAll(
  client: ClientBase,
  queries: readonly Query[],
  { asArrays, headers }: { asArrays: boolean; headers: IncomingMessage['headers'] },
) {
  const isolation = String(headers['neon-batch-isolation-level'] ?? 'ReadCommitted').replace(/(?<=[a-z])[A-Z]/g, ' $&');
  const isReadOnly = headers['neon-batch-read-only'] === 'true';
  await client.query(`begin isolation level ${isolation} ${isReadOnly ? 'read only' : 'read write'}`);
  try {
    const results = [];
    for (const query of queries) results.push(await ask(client, query, asArrays));
    await client.query('commit');
    return results;
  } catch (error) {
    await client.query('rollback');
    throw error;
  }
}

/** Answers values as text, as Neon does with `Neon-Raw-Text-Output`; the driver reads them by their types. */
async function ask(client: ClientBase, { query, params = [] }: Query, asArrays: boolean) {
  const asText: QueryArrayConfig & { queryMode: 'extended' } = {
    text: query,
    values: params,
    rowMode: 'array',
    queryMode: 'extended',
    types: { getTypeParser: () => (value: string) => value },
  };
  const { command, rowCount, rows, fields } = await client.query(asText);
  const named = (row: unknown[]) => Object.fromEntries(fields.map(({ name }, index) => [name, row[index]]));
  return { command, rowCount, rowAsArray: asArrays, fields, rows: asArrays ? rows : rows.map(named) };
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}

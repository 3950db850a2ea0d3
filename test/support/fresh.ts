import { Client } from 'pg';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import type { AnyTask } from '../../src/core/task.ts';
import { useDatabase } from './database.ts';
import { type Answer, type EngineOptions, makeEngine, type TestEngine } from './engine.ts';

const tables = [
  'executions',
  'inputs',
  'attempts',
  'invocations',
  'capacity',
  'idempotency_keys',
  'result_objects',
  'final_tallies',
  'schedules',
];

/** One database for all tests of a file, found empty by each of them, and engines over it that end with the test. */
export interface Fresh {
  url(): string;
  make(options?: Partial<EngineOptions>): TestEngine;
  /** Asks the database itself, past all our code: to age rows, and to look at them. */
  sql<Row = Record<string, unknown>>(text: string, values?: unknown[]): Promise<Row[]>;
  /** A digest of every row there is, to show that a call changed none. */
  fingerprint(): Promise<string>;
}

/** Gives a file its database; `tasks` are those of its engines. */
export function useFresh(tasks: readonly AnyTask[]): Fresh {
  const database = useDatabase();
  const open: TestEngine[] = [];
  let client: Client;

  beforeAll(async () => {
    client = new Client({ connectionString: database.url() });
    client.on('error', () => undefined); // the database is dropped under it in the end
    await client.connect();
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((engine) => engine.close()));
    await client.query(tables.map((table) => `delete from mobula.${table}`).join(';'));
  });
  afterAll(() => client.end());

  const sql: Fresh['sql'] = async (text, values) => (await client.query(text, values)).rows;
  return {
    url: () => database.url(),
    make(options = {}) {
      const engine = makeEngine({ url: database.url(), tasks, ...options });
      open.push(engine);
      return engine;
    },
    sql,
    async fingerprint() {
      const digests = tables.map(
        (name) => `(select md5(string_agg(t::text, '|' order by t::text)) from mobula.${name} t)`,
      );
      const [row] = await sql<{ all: string }>(
        `select concat_ws('/', ${digests.map((d) => `coalesce(${d}, '')`).join()}) as all`,
      );
      return row?.all ?? '';
    },
  };
}

/** What `POST /tasks` takes beside the task and its input. */
export type Wish = Readonly<Record<string, unknown>>;

/** Enqueues over HTTP and answers the task object. */
export async function enqueue({ call }: TestEngine, task: string, input: unknown, wish: Wish = {}) {
  const { status, body, text } = await call('POST', '/tasks', { task, input, ...wish });
  expect(status, text).toBe(201);
  return body.task;
}

/** The task object as a reader sees it now. */
export async function look({ call }: TestEngine, id: string) {
  const { status, body, text } = await call('GET', `/executions/${id}`);
  expect(status, text).toBe(200);
  return body.task;
}

/** Lets a delayed execution fall due, by giving it another past. */
export const makeDue = ({ sql }: Fresh, id: string) =>
  sql(
    `update mobula.executions set due_at = now() - interval '1 second', run_after = now() - interval '1 second' where id = $1`,
    [id],
  );

/** Expects a problem answer as RFC 9457 and the contract have it. */
export function expectProblem(answer: Answer, status: number, code: string, field?: string): void {
  expect({ status: answer.status, code: answer.body?.code, field: answer.body?.field }, answer.text).toEqual({
    status,
    code,
    field,
  });
  expect(answer.headers.get('content-type')).toBe('application/problem+json');
  expect(answer.body).toMatchObject({
    type: 'about:blank',
    title: expect.any(String),
    detail: expect.any(String),
    status,
  });
}

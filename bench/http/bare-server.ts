import type { AddressInfo } from 'node:net';
import { serve } from '@hono/node-server';
import { Hono } from 'hono';
import { Pool } from 'pg';
import { uuidv7 } from '../../src/core/ids.ts';

// A process with the least that could answer as ours do: one route, one statement each, no proof of who calls, no checks.

const pool = new Pool({ connectionString: process.env['DATABASE_URL'], max: 8 });
const app = new Hono();

app.get('/status/:id', async (c) => {
  const { rows } = await pool.query(
    `select id, task, state, queue, priority, attempt, max_attempts, run_after, enqueued_at, started_at, claimed_at,
      finished_at, progress, version from mobula.executions where id = $1`,
    [c.req.param('id')],
  );
  const etag = `"${rows[0].version}"`;
  if (c.req.header('if-none-match') === etag) return c.body(null, 304, { etag });
  return c.json({ task: rows[0] }, 200, { etag });
});

app.post('/tasks', async (c) => {
  const { task, input } = await c.req.json();
  const { rows } = await pool.query(
    `insert into bare.executions (id, task, form, queue, max_attempts, ready, enqueued_at, due_at, input)
      values ($1, $2, 'inline', 'default', 3, true, now(), now(), $3)
      returning id, task, state, queue, priority, attempt, max_attempts, run_after, enqueued_at, version`,
    [uuidv7(Date.now(), (bytes) => crypto.getRandomValues(bytes)), task, JSON.stringify(input)],
  );
  return c.json({ task: rows[0] }, 201);
});

const server = serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 });
server.once('listening', () => process.send?.((server.address() as AddressInfo).port));
process.on('disconnect', () => process.exit());

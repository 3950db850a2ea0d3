import * as z from 'zod';
import { MobulaError } from '../src/core/errors.ts';
import { isMigrated } from '../src/db/ready.ts';
import { answer } from '../src/http/json-answer.ts';
import { route } from '../src/http/route.ts';
import type { Deployed } from './deployed.ts';

/** The process answers. */
export const livezRoute = () =>
  route({
    method: 'GET',
    path: '/livez',
    operationId: 'livez',
    scope: 'public',
    summary: 'Whether the process is alive.',
    answers: { 200: { description: 'It is.', schema: z.object({ status: z.literal('alive') }) } },
    handle: () => answer(200, { status: 'alive' }),
  });

/** The database is there and migrated. */
export const readyzRoute = ({ engine }: Deployed) =>
  route({
    method: 'GET',
    path: '/readyz',
    operationId: 'readyz',
    scope: 'public',
    summary: 'Whether the database is there and migrated.',
    answers: {
      200: { description: 'It is.', schema: z.object({ status: z.literal('ready') }) },
      503: { description: 'It is not.' },
    },
    async handle() {
      if (await isMigrated(engine.db)) return answer(200, { status: 'ready' });
      throw new MobulaError('database_unavailable', 'The database is not migrated; `npm run migrate` does it.');
    },
  });

const health = z.object({
  status: z.enum(['ok', 'degraded']),
  database: z.object({ migrated: z.boolean() }),
  ray: z
    .object({
      reachable: z.boolean(),
      version: z.string().optional(),
      session: z.string().optional(),
      reason: z.string().optional(),
      refused: z.boolean().optional(),
    })
    .nullable(),
});

/** What a person wants to know first when something is wrong. */
export const healthRoute = ({ engine }: Deployed) =>
  route({
    method: 'GET',
    path: '/health',
    operationId: 'health',
    scope: 'read',
    summary: 'Reachability and versions of what the app stands on.',
    answers: { 200: { description: 'As seen now.', schema: health } },
    async handle() {
      const [migrated, ray] = await Promise.all([isMigrated(engine.db), engine.ray?.health() ?? null]);
      const isWell = migrated && ray?.reachable !== false;
      return answer(200, { status: isWell ? 'ok' : 'degraded', database: { migrated }, ray });
    },
  });

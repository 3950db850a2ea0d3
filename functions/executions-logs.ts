import * as z from 'zod';
import { limits } from '../src/core/limits.ts';
import { readLogs } from '../src/engine/read-logs.ts';
import { answer } from '../src/http/json-answer.ts';
import { route } from '../src/http/route.ts';
import type { Deployed } from './deployed.ts';

const logs = z.object({ attempt: z.int(), ray_job_id: z.string(), log: z.string().nullable() }).meta({ id: 'Logs' });

/** The end of what an attempt's Ray job printed. */
export const logsRoute = ({ engine }: Deployed) =>
  route({
    method: 'GET',
    path: '/executions/:id/logs',
    operationId: 'getLogs',
    scope: 'read',
    summary: "The end of the log of an attempt's Ray job.",
    query: z.object({
      attempt: z.int().min(1).optional(),
      lines: z.int().min(1).max(limits.logLines).default(200),
    }),
    answers: {
      200: {
        description: 'The last lines, at most 64 KiB of them; `log` is null where Ray has none any more.',
        schema: logs,
      },
      404: { description: 'There is no such execution, or it has no attempt on Ray (`no_logs`).' },
      503: { description: 'Ray cannot be reached.' },
    },
    async handle({ params, query }) {
      const { attempt, jobId, log } = await readLogs(engine, {
        id: params.id,
        attempt: query.attempt ?? null,
        lines: query.lines,
      });
      return answer(200, { attempt, ray_job_id: jobId, log });
    },
  });

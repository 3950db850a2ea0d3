import * as z from 'zod';
import { type FinalState, finalStates, statusOf } from '../src/core/execution.ts';
import { purge } from '../src/engine/purge.ts';
import { answer } from '../src/http/json-answer.ts';
import { route } from '../src/http/route.ts';
import type { Deployed } from './deployed.ts';
import { flag, queueName } from './fields.ts';

const days = z.number().min(0).max(36_500);

/** A status covers all its states (FAILED: CANCELLED, LOST and EXPIRED too); the name of another state is that one. */
const status = z.enum(['SUCCESSFUL', ...finalStates]);

const statesOf = (said: z.output<typeof status>): readonly FinalState[] =>
  finalStates.filter((state) => state === said || statusOf(state) === said);

/** Deletes what is final and old enough; nothing else, whatever is asked. */
export const purgeRoute = (deployed: Deployed) =>
  route({
    method: 'POST',
    path: '/purge',
    operationId: 'purge',
    scope: 'admin',
    summary: 'Delete final executions by age.',
    acceptsForm: true,
    body: z.object({
      days: days.nullish(),
      failed_days: days.nullish(),
      statuses: z.union([status, z.array(status).min(1)]).nullish(),
      queue_name: queueName,
      task: z.string().nullish(),
      batch_size: z.int().min(1).max(10_000).nullish(),
      dry_run: flag,
    }),
    answers: {
      200: {
        description: 'How much was deleted, or would be.',
        schema: z.object({
          deleted: z.int(),
          results_deleted: z.int(),
          ray_jobs_deleted: z.int(),
          dry_run: z.boolean(),
        }),
      },
    },
    async handle({ body }) {
      const { deleted, resultsDeleted, rayJobsDeleted } = await purge(deployed.engine, {
        days: body.days ?? 7,
        failedDays: body.failed_days ?? undefined,
        states: body.statuses ? [...new Set([body.statuses].flat().flatMap(statesOf))] : undefined,
        queueName: body.queue_name ?? undefined,
        task: body.task ?? undefined,
        batchSize: body.batch_size ?? 1_000,
        dryRun: body.dry_run,
        seconds: deployed.callSeconds,
      });
      return answer(200, {
        deleted,
        results_deleted: resultsDeleted,
        ray_jobs_deleted: rayJobsDeleted,
        dry_run: body.dry_run,
      });
    },
  });

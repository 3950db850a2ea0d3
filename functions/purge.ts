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

const purgeBody = z.object({
  days: days.nullish(),
  failed_days: days.nullish(),
  statuses: z.union([status, z.array(status).min(1)]).nullish(),
  queue_name: queueName,
  task: z.string().nullish(),
  batch_size: z.int().min(1).max(10_000).nullish(),
  dry_run: flag,
});

const answers = {
  200: {
    description: 'How much was deleted, or would be.',
    schema: z.object({
      deleted: z.int(),
      results_deleted: z.int(),
      ray_jobs_deleted: z.int(),
      dry_run: z.boolean(),
    }),
  },
};

/** Deletes what is final and old enough; nothing else, whatever is asked. */
export const purgeRoute = (deployed: Deployed) =>
  route({
    method: 'POST',
    path: '/purge',
    operationId: 'purge',
    scope: 'purge',
    summary: 'Delete final executions by age.',
    description: 'A cron’s own proof is good for it with an empty body only, which means the defaults.',
    acceptsForm: true,
    body: purgeBody,
    answers,
    handle: ({ body }) => answerPurge(deployed, body),
  });

/** The same by its defaults for Vercel's cron, which can only GET; there only with its secret. */
export const cronPurgeRoute = (deployed: Deployed) =>
  route({
    method: 'GET',
    path: '/purge',
    operationId: 'purgeByCron',
    scope: 'cron',
    summary: 'Delete what has been final for a week, for Vercel’s cron.',
    description: 'There only where `CRON_SECRET` is set; else 405.',
    answers,
    handle: () => answerPurge(deployed, purgeBody.parse({})),
  });

async function answerPurge({ engine, callSeconds }: Deployed, body: z.output<typeof purgeBody>): Promise<Response> {
  const { deleted, resultsDeleted, rayJobsDeleted } = await purge(engine, {
    days: body.days ?? 7,
    failedDays: body.failed_days ?? undefined,
    states: body.statuses ? [...new Set([body.statuses].flat().flatMap(statesOf))] : undefined,
    queueName: body.queue_name ?? undefined,
    task: body.task ?? undefined,
    batchSize: body.batch_size ?? 1_000,
    dryRun: body.dry_run,
    seconds: callSeconds,
  });
  return answer(200, {
    deleted,
    results_deleted: resultsDeleted,
    ray_jobs_deleted: rayJobsDeleted,
    dry_run: body.dry_run,
  });
}

import { Hono } from 'hono';
import packageJson from '../package.json' with { type: 'json' };
import { answer } from '../src/http/json-answer.ts';
import { mountRoutes } from '../src/http/mount.ts';
import { openApiDocument } from '../src/http/openapi.ts';
import { type Route, route } from '../src/http/route.ts';
import { accessOf } from './access.ts';
import * as attempts from './attempts.ts';
import { beatManyRoute, beginManyRoute, completeManyRoute } from './attempts-many.ts';
import type { Deployed } from './deployed.ts';
import { docsRoute } from './docs.ts';
import { executeRoute } from './execute.ts';
import { executionRoute, resultRoute } from './executions.ts';
import { cancelRoute, deleteRoute, resetRoute, retryRoute } from './executions-change.ts';
import { listRoute, statsRoute } from './executions-list.ts';
import { logsRoute } from './executions-logs.ts';
import { healthRoute, livezRoute, readyzRoute } from './health.ts';
import { hookRoute } from './hooks.ts';
import { metricsRoute } from './metrics.ts';
import { cronPurgeRoute, purgeRoute } from './purge.ts';
import { cronRunRoute, runRoute } from './run.ts';
import { runOneRoute } from './run-one.ts';
import { statusRoute } from './status.ts';
import { enqueueBatchRoute, enqueueRoute } from './tasks.ts';

/** Every route there is: what is served, documented and guarded comes from this one list. */
export function routesOf(deployed: Deployed): Route[] {
  const hasCron = deployed.settings.CRON_SECRET !== undefined;
  const routes = [
    runRoute(deployed),
    ...(hasCron ? [cronRunRoute(deployed)] : []),
    runOneRoute(deployed),
    executeRoute(deployed),
    statusRoute(deployed),
    purgeRoute(deployed),
    ...(hasCron ? [cronPurgeRoute(deployed)] : []),
    enqueueRoute(deployed),
    enqueueBatchRoute(deployed),
    listRoute(deployed),
    statsRoute(deployed),
    resetRoute(deployed),
    executionRoute(deployed),
    deleteRoute(deployed),
    cancelRoute(deployed),
    retryRoute(deployed),
    resultRoute(deployed),
    logsRoute(deployed),
    hookRoute(deployed),
    beginManyRoute(deployed),
    beatManyRoute(deployed),
    completeManyRoute(deployed),
    attempts.beginRoute(deployed),
    attempts.beatRoute(deployed),
    attempts.completeRoute(deployed),
    attempts.uploadRoute(deployed),
    attempts.putUploadRoute(deployed),
    livezRoute(),
    readyzRoute(deployed),
    healthRoute(deployed),
    metricsRoute(deployed),
  ];
  const document = () => documentOf(withDocument);
  const withDocument: Route[] = [...routes, openApiRoute(document), docsRoute(document)];
  return withDocument;
}

/** The OpenAPI document of these routes. */
export const documentOf = (routes: readonly Route[]): object =>
  openApiDocument(routes, { version: packageJson.version });

const openApiRoute = (document: () => object): Route =>
  route({
    method: 'GET',
    path: '/openapi.json',
    operationId: 'openApi',
    scope: 'read',
    summary: 'This API as an OpenAPI 3.1 document.',
    answers: { 200: { description: 'The document.' } },
    handle: () => answer(200, document()),
  });

/** The whole app of a deployment. It speaks the fetch API and mounts under any base path. */
export function createApp(deployed: Deployed, { basePath = '/' }: { basePath?: string } = {}): Hono {
  const { settings, engine } = deployed;
  const app = new Hono().basePath(basePath);
  return mountRoutes(app, routesOf(deployed), {
    access: accessOf(deployed),
    maxBodyBytes: settings.MOBULA_MAX_INPUT_BYTES,
    corsOrigins: settings.MOBULA_CORS_ORIGINS,
    isHttps: settings.MOBULA_PUBLIC_URL?.startsWith('https:') ?? false,
    log: engine.log,
  });
}

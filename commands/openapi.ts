import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { documentOf, routesOf } from '../functions/app.ts';
import { compose } from '../src/compose.ts';
import { MobulaError } from '../src/core/errors.ts';

/**
 * The OpenAPI document as `openapi.json` holds it. It depends on the routes alone, so the deployment it is made with has no
 * tasks and nobody behind its database; of settings it has the one that opens routes, so that all are in it.
 */
export function openApiText(): string {
  const nowhere = () => Promise.reject(new MobulaError('database_unavailable', 'A document needs no database.'));
  const db = { execute: nowhere, transaction: nowhere, close: () => Promise.resolve() };
  const deployed = { ...compose({ tasks: [] }, { CRON_SECRET: 'c'.repeat(32) }, { db }), callSeconds: 0 };
  return `${JSON.stringify(documentOf(routesOf(deployed)), null, 2)}\n`;
}

// `npm run openapi`: writes it, to be committed together with the change that changed it.
if (import.meta.main) await writeFile(join(import.meta.dirname, '../openapi.json'), openApiText());

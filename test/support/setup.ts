import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Client } from 'pg';
import type { TestProject } from 'vitest/node';
import { startPostgres } from '../../infra/local/postgres.ts';
import { ensureRay, type Ray, startRay } from '../../infra/local/ray.ts';
import { migrate } from '../../src/db/migrate.ts';
import type { RayAnswer } from './ray-cluster.ts';

declare module 'vitest' {
  export interface ProvidedContext {
    /** The run's own Postgres, as its superuser. Tests make databases of their own in it: see database.ts. */
    postgresUrl: string;
    /** Where the first test that needs Ray has it started: see ray-cluster.ts. */
    rayDoorUrl: string;
  }
}

/** Runs once for the whole run, in Vitest's own process: one Postgres, and one Ray if anybody asks for it. */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const postgres = await startPostgres();
  await makeTemplate(postgres.url('postgres'), postgres.url('mobula_template'));
  const door = await openRayDoor();
  project.provide('postgresUrl', postgres.url());
  project.provide('rayDoorUrl', door.url);
  return async () => {
    await Promise.all([postgres.stop(), door.close()]);
  };
}

/** Migrated once, cloned for every test file: a clone takes 30 ms. */
async function makeTemplate(adminUrl: string, templateUrl: string): Promise<void> {
  const admin = new Client({ connectionString: adminUrl });
  await admin.connect();
  await admin.query('create database mobula_template');
  await admin.end();
  await migrate(templateUrl);
}

/** A test file runs in a process of its own and can ask for things over HTTP only. The first to ask waits for it all. */
async function openRayDoor(): Promise<{ url: string; close(): Promise<void> }> {
  let shared: Promise<Ray | { missing: string }> | undefined;
  const server = createServer((_request, response) => {
    shared ??= startSharedRay();
    shared.then(toAnswer, toFailure).then((answer) => response.end(JSON.stringify(answer)), response.destroy);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    async close() {
      server.close();
      const ray = await shared?.catch(() => undefined);
      if (ray && 'stop' in ray) await ray.stop();
    },
  };
}

async function startSharedRay(): Promise<Ray | { missing: string }> {
  const say = (line: string) => process.stderr.write(`${line}\n`);
  const installed = await ensureRay(say);
  if (!('missing' in installed)) return startRay({ cpus: 2 });
  say(`The tests on a real Ray are skipped: ${installed.missing}.`);
  return installed;
}

const toAnswer = (ray: Ray | { missing: string }): RayAnswer =>
  'missing' in ray ? ray : { cluster: { url: ray.url, gcsAddress: ray.gcsAddress } };

const toFailure = (error: unknown): RayAnswer => ({ failed: String(error) });

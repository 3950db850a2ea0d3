import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { findFreePort } from '../../infra/local/free-port.ts';
import { startPostgres } from '../../infra/local/postgres.ts';
import { migrate } from '../../src/db/migrate.ts';
import { quantile, shuffled } from '../rounds.ts';
import type { Section } from '../section.ts';
import { type Bundle, bundleForNode, bundleForWorker } from './bundle.ts';
import { type Start, timeColdStart } from './cold-start.ts';
import { findWorkerd, writeWorkerdConfig } from './workerd.ts';

const root = join(import.meta.dirname, '../..');
const token = 'read-token-of-the-bench-0123456789-abc';
const firstCall = join(import.meta.dirname, 'first-call.mjs');
const quiet = '--disable-warning=ExperimentalWarning';

/** Nobody's: to know that, the database has to be asked. */
const unknown = '/status/01890000-0000-7000-8000-000000000000';
const calls = [
  { path: '/livez', status: 200 },
  { path: unknown, status: 404 },
];
type Asked = (typeof calls)[number];

/** A door that can be started for a call. */
interface Door {
  readonly name: string;
  readonly bundle: Bundle | null;
  start(asked: Asked): Promise<Start>;
}

/** Answers what each platform has to read, and how long a fresh process needs until its first call has been answered. */
export async function measure({ quick = false }: { quick?: boolean } = {}): Promise<Section> {
  const rounds = quick ? 2 : 9;
  const postgres = await startPostgres();
  const folder = await mkdtemp(join(root, '.mobula/bundles-'));
  try {
    await migrate(postgres.url());
    const doors = await openDoors(folder, { DATABASE_URL: postgres.url(), MOBULA_READ_TOKENS: token });
    const times = doors.map(() => calls.map((): number[] => []));
    for (let round = 0; round < rounds; round += 1) {
      for (const at of shuffled(doors.keys().toArray())) {
        for (const [which, asked] of calls.entries()) {
          const start = await doors[at]?.start(asked);
          if (start) times[at]?.[which]?.push(await timeColdStart(start));
        }
      }
    }
    const rows = doors.map(({ name, bundle }, at) => [
      name,
      ...weights(bundle),
      ...(times[at] ?? []).map((list) => quantile(list, 0.5).toFixed(0)),
    ]);
    return { title: 'Doors: weight and cold start', notes: notesOf(rounds), columns, rows };
  } finally {
    await rm(folder, { recursive: true });
    await postgres.stop();
  }
}

const weights = (bundle: Bundle | null): string[] =>
  bundle ? [bundle.first, bundle.all].map(({ raw, zipped }) => `${raw} (${zipped})`) : ['', ''];

async function openDoors(folder: string, env: Readonly<Record<string, string>>): Promise<Door[]> {
  const bundled = await Promise.all(
    ['node', 'lambda', 'google', 'vercel'].map(async (door): Promise<Door> => {
      const bundle = await bundleForNode(door, folder);
      const start = async ({ path, status }: Asked) => {
        const args = [firstCall, door, bundle.path, path, token];
        return { command: process.execPath, args, env, path, token, status };
      };
      return { name: door === 'node' ? 'node, bundled' : door, bundle, start };
    }),
  );
  return [nodeAlone, fromSource(env), ...bundled, await openWorker(folder, env)];
}

/** What no door on Node can be quicker than. */
const nodeAlone: Door = {
  name: 'nothing but Node',
  bundle: null,
  start: async ({ path, status }) => ({
    command: process.execPath,
    args: ['-e', `console.log('{"status":${status}}')`],
    env: {},
    path,
    token,
    status,
  }),
};

const fromSource = (env: Readonly<Record<string, string>>): Door => ({
  name: 'node, `npm run serve`',
  bundle: null,
  start: async ({ path, status }) => ({
    command: process.execPath,
    args: [quiet, join(root, 'commands/serve.ts')],
    env: { ...env, PORT: '0' },
    path,
    token,
    status,
  }),
});

async function openWorker(folder: string, vars: Readonly<Record<string, string>>): Promise<Door> {
  const bundle = await bundleForWorker(folder);
  const command = findWorkerd();
  return {
    name: 'worker (workerd)',
    bundle,
    async start({ path, status }) {
      const port = await findFreePort();
      const config = await writeWorkerdConfig({ script: bundle.path, port, vars });
      return { command, args: ['serve', config], env: {}, port, path, token, status };
    },
  };
}

const columns = ['door', 'read at first, KiB (gzip)', 'all, KiB (gzip)', '`/livez` ms', '`/status/:id` ms'];

const notesOf = (rounds: number): string[] => [
  `The sample deployment behind each door, bundled as docs/deploy says, and minified; the Worker by \`wrangler deploy
--dry-run\`. What is read at first is the entry and what it imports at once; the clients of S3 and GCS are pieces of
their own, and not in the Worker at all.`,
  `From starting a fresh process (Node, or workerd itself) until its first call has been answered: one that needs nothing, and
the status of an execution that there is not, which asks the database. The platforms are played: Lambda and Vercel call
the function in the process, Google's is behind a plain HTTP server. Medians of ${rounds}, the doors taking turns.`,
];

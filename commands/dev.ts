import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { findFreePort } from '../infra/local/free-port.ts';
import { startPostgres } from '../infra/local/postgres.ts';
import { messageOf } from '../src/core/observe.ts';
import { migrate } from '../src/db/migrate.ts';
import { callApi, type RunAnswer, type Tokens } from './demo/api.ts';
import { startCron, wordsFor } from './demo/cron.ts';
import { startApp } from './dev/app.ts';
import { dataFolder } from './dev/data-folder.ts';

// `npm run dev`: the deployment of this folder to work on. A Postgres that keeps its data, the app anew with every change,
// and a cron that calls each second. RAY_ADDRESS and all other settings are taken from the environment.

const end = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => end.abort());

async function develop(): Promise<void> {
  const data = dataFolder(process.cwd());
  await using started = new AsyncDisposableStack();
  const postgres = await startPostgres({ dataDir: data, abort: end.signal });
  started.defer(postgres.stop);
  const applied = await migrate(postgres.url());
  if (applied.length > 0) say(`Migrated the database: ${applied.join(', ')}.`);
  const port = process.env['PORT'] ?? String(await findFreePort());
  const url = `http://127.0.0.1:${port}`;
  const tokens = { enqueue: secret(), trigger: secret(), read: secret(), admin: secret() };
  const settings = { ...settingsOf(tokens, url), DATABASE_URL: postgres.url(), PORT: port };
  const app = await startApp({ ...process.env, ...settings }, join(dirname(data), 'app.log'));
  started.defer(app.stop);
  say(instructions({ url, tokens, data, databaseUrl: postgres.url() }));
  await Promise.race([callEachSecond(url, tokens), app.ended, once(end.signal, 'abort')]);
}

/** While the app is away, as it is with each change, nothing is done and nothing is said. */
async function callEachSecond(url: string, tokens: Tokens): Promise<void> {
  const api = callApi(url, tokens, end.signal);
  const run = (): Promise<RunAnswer> => api.run().catch(() => nothing);
  const cron = startCron({ ...api, run }, end.signal, (answer) => {
    const words = wordsFor(answer);
    if (words) say(`POST /run  ${words}`);
  });
  await cron.ended;
}

const nothing: RunAnswer = {
  processed: 0,
  tasks: [],
  submitted: 0,
  completed: 0,
  retried: 0,
  recovered: 0,
  ray: 'none',
};

const secret = (): string => randomBytes(16).toString('hex');

/** What the environment says already stays as it is, all but the tokens, which the cron has to know. */
const settingsOf = (tokens: Tokens, url: string): Record<string, string> => ({
  MOBULA_SECRET: process.env['MOBULA_SECRET'] ?? secret(),
  MOBULA_PUBLIC_URL: process.env['MOBULA_PUBLIC_URL'] ?? url,
  MOBULA_ENQUEUE_TOKENS: tokens.enqueue,
  MOBULA_TRIGGER_TOKENS: tokens.trigger,
  MOBULA_READ_TOKENS: tokens.read,
  MOBULA_ADMIN_TOKENS: tokens.admin,
});

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

const instructions = (made: { url: string; tokens: Tokens; data: string; databaseUrl: string }): string => `\
The app is at ${made.url}, and starts anew with every change; POST /run is called each second. Ctrl-C ends all.
Its database, ${made.databaseUrl}, is kept in ${made.data}.

  app=${made.url}
  auth='Authorization: Bearer ${made.tokens.admin}'
  curl -s $app/tasks -H "$auth" -H 'Content-Type: application/json' -d '{"task": "add_numbers", "input": {"a": 1, "b": 2}}'
  curl -s $app/executions -H "$auth"

That token is good for every call. Those of one scope each:
  enqueue  ${made.tokens.enqueue}
  trigger  ${made.tokens.trigger}
  read     ${made.tokens.read}
`;

try {
  await develop();
} catch (error) {
  if (!end.signal.aborted) {
    process.stderr.write(`It stops here: ${messageOf(error)}\n`);
    process.exitCode = 1;
  }
}

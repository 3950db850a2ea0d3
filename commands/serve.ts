import { openNodeDoor } from '../functions/doors/node.ts';
import { sayWhatIsClosed } from '../functions/say-what-is-closed.ts';
import { compose, type Mobula } from '../src/compose.ts';
import { misconfigured } from '../src/config.ts';
import { messageOf, redactedLog } from '../src/core/observe.ts';
import { redactionBy } from '../src/core/redact.ts';
import type { ResultStore } from '../src/core/result-store.ts';
import { failureText } from '../src/http/failure-text.ts';
import { loadDeployment } from '../src/node/load-deployment.ts';
import { logLines } from '../src/node/log-lines.ts';

/** How long one call may take where nothing sets MOBULA_INVOCATION_SECONDS: nothing cuts a Node process off. */
const callSeconds = 300;

const closing = new AbortController();
const lines = logLines();
const log = redactedLog(lines, redactionBy([])); // Until the settings are read, and beside them; an app redacts its own.

// A promise that a task has left behind may fail when nobody waits for it. Node would end the process, and with it all that
// others run here.
process.on('unhandledRejection', (reason) => log('error', 'unhandled_rejection', { error: failureText(reason) }));

/** Serves the deployment of this folder until SIGTERM or SIGINT; then finishes what it holds and ends with 0. */
async function serve(): Promise<void> {
  const config = await loadDeployment(process.cwd(), process.env);
  const mobula = compose(config, process.env, { log: lines, closing: closing.signal });
  sayWhatIsClosed(mobula.settings, mobula.engine.log);
  await checkSurroundings(mobula);
  const deployed = { ...mobula, callSeconds: mobula.settings.MOBULA_INVOCATION_SECONDS ?? callSeconds };
  const door = await openNodeDoor(deployed, {
    host: process.env['HOST'] ?? '127.0.0.1',
    port: readPort(),
    isAlone: true,
  });
  // `on`, not `once`: under npm a signal may come twice, and the second must not find the default.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void close());
  console.log(JSON.stringify({ event: 'listening', url: door.url }));

  async function close(): Promise<void> {
    if (closing.signal.aborted) return;
    log('info', 'closing');
    closing.abort('closing');
    await door.close();
    await mobula.engine.db.close();
    process.exit(0);
  }
}

function readPort(): number {
  const port = Number(process.env['PORT'] ?? 8080);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new RangeError('PORT must be a whole number from 0 to 65535.');
  return port;
}

/**
 * What the app stands on is tried once at boot. What is configured wrongly is told together and refuses to start; what is
 * merely away is told, and met again when it is needed.
 */
async function checkSurroundings({ engine }: Mobula): Promise<void> {
  const [health, problems] = await Promise.all([engine.ray?.health(), checkStore(engine.store)]);
  if (health?.reachable === false && health.refused) problems.push(health.reason);
  if (problems.length > 0) throw misconfigured(problems);
  if (health?.reachable === false) log('warn', 'ray_unreachable', { reason: health.reason });
}

async function checkStore(store: ResultStore): Promise<string[]> {
  try {
    return await store.check();
  } catch (error) {
    log('warn', 'store_unavailable', { store: store.name, reason: messageOf(error) });
    return [];
  }
}

try {
  await serve();
} catch (error) {
  log('error', 'not_started', { reason: messageOf(error) });
  process.exit(1);
}

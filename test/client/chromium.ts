import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, constants } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

/** The browser of this machine; undefined where it has none. */
export const chromium = ['chromium', 'chromium-browser', 'google-chrome']
  .flatMap((name) => (process.env['PATH'] ?? '').split(delimiter).map((folder) => join(folder, name)))
  .find((path) => isProgram(path));

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

export interface Page {
  /** Where it comes from, on another port than the app. */
  readonly origin: string;
  /** Resolves when the script has asked for `/begun`. */
  readonly begun: Promise<void>;
  /** Opens it with a script, and resolves with what the script posts to `/outcome`. */
  open(script: string): Promise<unknown>;
  close(): Promise<void>;
}

/** A page of an origin of its own, in a real browser without a window. */
export async function openPage(browser: string): Promise<Page> {
  let html = '';
  const outcome = Promise.withResolvers<unknown>();
  const begun = Promise.withResolvers<void>();
  const server = createServer(async (request, response) => {
    if (request.url === '/begun') begun.resolve();
    if (request.url === '/outcome') outcome.resolve(JSON.parse((await request.toArray()).join('')));
    response.setHeader('content-type', 'text/html').end(html);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const profile = await mkdtemp(join(tmpdir(), 'mobula-page-'));
  let child: ChildProcess | undefined;
  return {
    origin,
    begun: begun.promise,
    open(script) {
      html = `<!doctype html><script type="module">${script}</script>`;
      child = start(browser, profile, origin);
      child.once('exit', (code) => outcome.reject(new Error(`The browser ended with ${code}.`)));
      return outcome.promise;
    },
    async close() {
      outcome.promise.catch(() => undefined);
      if (child?.exitCode === null) {
        child.kill('SIGKILL');
        await once(child, 'exit');
      }
      server.close();
      server.closeAllConnections();
      await rm(profile, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

function start(browser: string, profile: string, url: string): ChildProcess {
  const quiet = ['--headless', '--disable-gpu', '--no-first-run', '--disable-background-networking'];
  // A browser's own sandbox cannot be had as root; what is opened here is ours.
  const args = [...quiet, '--no-sandbox', `--user-data-dir=${profile}`, '--remote-debugging-port=0', url];
  return spawn(browser, args, { stdio: 'ignore' });
}

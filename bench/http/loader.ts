import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Load, Loaded } from './load.ts';

export interface Loader {
  /** Calls a server as `load` says, and answers what came of it. One after another. */
  run(load: Load): Promise<Loaded>;
  stop(): void;
}

/** Starts the process that makes the calls, so that it shares no event loop with a server or with whoever asks. */
export function startLoader(): Loader {
  const child = fork(join(import.meta.dirname, 'load.ts'), { execArgv: ['--disable-warning=ExperimentalWarning'] });
  const died = once(child, 'exit').then(() => {
    throw new Error('The load process ended.');
  });
  died.catch(() => undefined);
  return {
    async run(load) {
      child.send(load);
      const [loaded] = await Promise.race([once(child, 'message'), died]);
      return loaded;
    },
    stop: () => child.disconnect(),
  };
}

interface Wanted {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: object;
}

/** A request as it goes over the wire; its text is ASCII. */
export function writeRequest({ method, path, headers = {}, body }: Wanted): string {
  const text = body === undefined ? '' : JSON.stringify(body);
  const all = {
    host: '127.0.0.1',
    ...(body && { 'content-type': 'application/json', 'content-length': String(text.length) }),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${text}`;
}

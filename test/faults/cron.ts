import { setTimeout as sleep } from 'node:timers/promises';
import type { Server } from '../support/server.ts';

/** Calls `POST /run` four times a second, whatever comes of it, until it is stopped. */
export function startCron(server: () => Server): { stop(): Promise<void> } {
  const stopped = new AbortController();
  const running = (async () => {
    while (!stopped.signal.aborted) {
      await server()
        .call('POST', '/run', {})
        .catch(() => undefined);
      await sleep(250);
    }
  })();
  return {
    stop() {
      stopped.abort();
      return running;
    },
  };
}

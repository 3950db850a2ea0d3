import { join } from 'node:path';
import { unstable_startWorker } from 'wrangler';
import { type OpenDoor, settings, toAnswer, toInit } from './door.ts';

/**
 * A Worker whose connections leave workerd by themselves. The harness of the others sends what they fetch through Node,
 * which carries no WebSocket, and adds the header by which Ray knows a browser.
 */
export async function openLoneWorker(vars: Readonly<Record<string, string>>, main = 'worker.ts'): Promise<OpenDoor> {
  const text = (value: string) => ({ type: 'plain_text' as const, value });
  const worker = await unstable_startWorker({
    name: 'lone',
    entrypoint: join(import.meta.dirname, main),
    compatibilityDate: '2026-11-17',
    compatibilityFlags: ['nodejs_compat'],
    bindings: Object.fromEntries(Object.entries({ ...settings, ...vars }).map(([name, value]) => [name, text(value)])),
    dev: {
      server: { hostname: '127.0.0.1', port: 0 },
      logLevel: 'none',
      watch: false,
      inspector: false,
      persist: false,
    },
  });
  await worker.ready;
  return {
    call: async (asked) => {
      const answer = worker.fetch(`https://mobula.example.com${asked.path}`, toInit(asked));
      return toAnswer((await answer) as unknown as Response);
    },
    async cron() {
      // Its own `scheduled()` asks for a Worker by a name that nobody has.
      const answer = await worker.fetch(`https://mobula.example.com/cdn-cgi/handler/scheduled?cron=*+*+*+*+*`);
      if ((await answer.text()) !== 'ok') throw new Error('The cron failed.');
    },
    close: () => worker.dispose(),
  };
}

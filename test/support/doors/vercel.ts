import { vercel } from 'mobula/vercel';
import { deployment } from './deployment.ts';
import { type OpenDoor, settings, toAnswer, toInit } from './door.ts';

/** A Vercel function under `/api`, which Vercel's cron calls by GET with its secret. */
export function openVercel(databaseUrl: string, more: Readonly<Record<string, string>> = {}): OpenDoor {
  const handler = vercel(deployment, { basePath: '/api', env: { ...settings, ...more, DATABASE_URL: databaseUrl } });
  const call: OpenDoor['call'] = async (asked) =>
    toAnswer(await handler(new Request(`https://mobula.vercel.app/api${asked.path}`, toInit(asked))));
  return {
    call,
    async cron() {
      const headers = { authorization: `Bearer ${settings.CRON_SECRET}`, 'user-agent': 'vercel-cron/1.0' };
      const { status, text } = await call({ method: 'GET', path: '/run', headers });
      if (status !== 200) throw new Error(text);
    },
    close: () => Promise.resolve(),
  };
}

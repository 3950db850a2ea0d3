import { openNodeDoor } from '../../../functions/doors/node.ts';
import { compose } from '../../../src/compose.ts';
import { deployment } from './deployment.ts';
import { type OpenDoor, settings, toAnswer, toInit, triggerBy } from './door.ts';

/** The app in a Node process, which a cron line calls. */
export async function openNode(databaseUrl: string): Promise<OpenDoor> {
  const mobula = compose(deployment, { ...settings, DATABASE_URL: databaseUrl });
  const door = await openNodeDoor({ ...mobula, callSeconds: 60 }, { host: '127.0.0.1', port: 0 });
  const call: OpenDoor['call'] = async (asked) => toAnswer(await fetch(door.url + asked.path, toInit(asked)));
  return {
    call,
    cron: () => triggerBy(call),
    async close() {
      await door.close();
      await mobula.engine.db.close();
    },
  };
}

import { Client, Pool } from '@neondatabase/serverless';
import type { Db } from '../db.ts';
import { pooledDb, poolOptions } from './pooled.ts';

/**
 * A database over Neon's WebSockets: sessions, and so interactive transactions, where there is no TCP. `proxy` names a
 * relay of one's own (`wss://host/path`), which is told the database's address as `?address=host:port`.
 */
export function neonWsDb(url: string, { connections, proxy }: { connections: number; proxy?: string | undefined }): Db {
  const clients = proxy ? clientBehind(new URL(proxy)) : Client;
  return pooledDb(() => Object.assign(new Pool(poolOptions(url, connections)), { Client: clients }));
}

function clientBehind({ protocol, host, pathname }: URL): typeof Client {
  return class extends Client {
    constructor(...options: ConstructorParameters<typeof Client>) {
      super(...options);
      this.neonConfig.wsProxy = host + pathname;
      this.neonConfig.useSecureWebSocket = protocol === 'wss:';
      this.neonConfig.pipelineConnect = false; // what Postgres asks for is not known to be a password in clear
    }
  };
}

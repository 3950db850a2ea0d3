import { existsSync, readFileSync, statSync } from 'node:fs';

export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/**
 * The account Postgres has to run as, or null where it may run as ourselves: as root it refuses to start. It is the
 * owner of the data, if there are any, else one that the machine already has; we create none.
 */
export function accountForPostgres(dataDir: string | undefined): Account | null {
  if (process.getuid?.() !== 0) return null;
  const owner = dataDir !== undefined && existsSync(dataDir) ? statSync(dataDir) : null;
  if (owner !== null && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid };
  const accounts = readFileSync('/etc/passwd', 'utf8').split('\n').map(toAccount);
  const account = accounts.find(({ name }) => name === 'postgres') ?? accounts.find(({ name }) => name === 'nobody');
  if (!account) {
    throw new Error('Postgres refuses to run as root, and this machine has neither a user "postgres" nor "nobody".');
  }
  return account;
}

function toAccount(line: string): Account & { readonly name: string } {
  const [name = '', , uid, gid] = line.split(':');
  return { name, uid: Number(uid), gid: Number(gid) };
}

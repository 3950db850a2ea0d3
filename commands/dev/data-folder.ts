import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * Where the development database stays from one start to the next: below `.mobula/`. As root Postgres runs as another
 * account, which may not go into every folder (a home that is closed to others): then a place of this folder's own
 * elsewhere.
 */
export function dataFolder(folder: string): string {
  if (process.getuid?.() !== 0 || isOpenToAll(folder)) return join(folder, '.mobula/dev/postgres');
  const name = createHash('sha256').update(folder).digest('hex').slice(0, 12);
  return `/var/tmp/mobula-dev-${name}/postgres`;
}

const throughOthers = 0o001;

/** Whether anybody may go through this folder and all above it. */
function isOpenToAll(folder: string): boolean {
  const isOpen = (statSync(folder).mode & throughOthers) !== 0;
  return isOpen && (dirname(folder) === folder || isOpenToAll(dirname(folder)));
}

import { fileURLToPath } from 'node:url';

/** What belongs to this clone and to no commit: the Python environment with Ray, the development database, locks. */
export const cloneFolder = fileURLToPath(new URL('../../.mobula', import.meta.url));

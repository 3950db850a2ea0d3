import { vouchFor } from '../../src/http/platform.ts';

/** Nobody is at this address: it only completes the URL of a request that never leaves the process. */
const nowhere = 'https://platform.invalid';

/**
 * What a platform's own call becomes: a request that carries its proof by itself. `path` is below the base path that the
 * app is mounted at.
 */
export const platformRequest = (path: string, body?: unknown): Request =>
  vouchFor(
    new Request(nowhere + path, {
      method: 'POST',
      ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
    }),
  );

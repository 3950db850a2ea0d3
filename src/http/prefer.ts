import { limits } from '../core/limits.ts';

// One preference of RFC 7240: a token, perhaps a value (a token or quoted), perhaps parameters that mean nothing here.
const wait = /(?:^|,)\s*wait\s*=\s*(?:(\d+)|"(\d+)")\s*(?=$|[,;])/i;

/**
 * The seconds of `Prefer: wait=N`, at most what one call may wait; null where nothing was asked, or nothing sensible:
 * a preference is never a reason to refuse. Of several the first counts.
 */
export function preferredWait(request: Request): number | null {
  const found = wait.exec(request.headers.get('prefer') ?? '');
  return found ? Math.min(Number(found[1] ?? found[2]), limits.waitSeconds) : null;
}

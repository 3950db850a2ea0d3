import { readFileSync } from 'node:fs';
import { processesUnder, signal } from '../../infra/local/processes.ts';
import type { GuardedRay } from './parts.ts';

/**
 * Kills the process in which Ray runs the first attempt of an execution, as a machine that loses power would. Answers its
 * number, or null where it has ended already.
 */
export function killAttempt(ray: GuardedRay, executionId: string): number | null {
  const driver = processesUnder(ray.pid).find(
    (pid) =>
      readOr(`/proc/${pid}/cmdline`).includes('mobula_driver') &&
      readOr(`/proc/${pid}/environ`).includes(`/attempts/${executionId}/1\0`),
  );
  if (driver === undefined) return null;
  signal(driver, 'SIGKILL');
  return driver;
}

/** Empty where the process ended while we looked. */
function readOr(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

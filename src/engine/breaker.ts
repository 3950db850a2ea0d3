import { limits } from '../core/limits.ts';
import type { RemoteRunner, RunnerHealth } from '../core/runner.ts';
import { openBreaker } from '../db/breaker.ts';
import type { Engine } from './engine.ts';

/** Whether the cluster can be used now: asked once a call, and not at all while the breaker is open. */
export async function askHealth(engine: Engine, runner: RemoteRunner, away: boolean): Promise<RunnerHealth> {
  if (away) return { reachable: false, reason: 'It did not answer a moment ago.', refused: false };
  const health = await runner.health();
  if (!health.reachable) await noteAway(engine, runner, health.reason);
  return health;
}

/** Opens the breaker, so that overlapping and following calls do not each wait for a cluster that does not answer. */
export async function noteAway(engine: Engine, runner: RemoteRunner, reason: string): Promise<void> {
  engine.log('warn', 'ray_away', { cluster: runner.cluster, reason });
  await openBreaker(engine.db, runner, limits.breakerSeconds);
}

import { setTimeout as sleep } from 'node:timers/promises';
import { bounds, seconds } from './bounds.ts';
import { always, during, type FaultKind } from './fault-kind.ts';

/** Kills or freezes one driver that has begun. */
const onDriver =
  (signal: NodeJS.Signals): FaultKind['strike'] =>
  async ({ dice, witness }) => {
    const drivers = witness.drivers();
    if (drivers.length === 0) return false;
    process.kill(dice.pick(drivers).pid, signal);
    return true;
  };

/** So long an ambush waits for a driver to come by. */
const ambushMs = 20_000;

const faults: readonly Omit<FaultKind, 'hits'>[] = [
  { name: 'driver killed', boundSeconds: bounds.deadDriver, strike: onDriver('SIGKILL') },
  { name: 'driver frozen', boundSeconds: bounds.silentDriver, strike: onDriver('SIGSTOP') },
  {
    name: 'drivers cut off from the app',
    boundSeconds: bounds.silentDriver,
    strike: always(({ parts, dice }) =>
      during(
        parts.toApp,
        (proxy) => proxy[dice.pick(['cut', 'blackHole'] as const)](),
        dice.between(1, 1.2 * seconds.stuck),
      ),
    ),
  },
  ...['begin', 'complete'].map((verb) => ({
    name: `reply to a driver lost: ${verb}`,
    boundSeconds: bounds.silentDriver,
    strike: always(({ parts }) => Promise.race([parts.toApp.next(`/${verb} `, 'swallow_reply'), sleep(ambushMs)])),
  })),
  {
    name: 'Ray cut off',
    boundSeconds: bounds.awayRay,
    strike: always(({ parts, dice }) =>
      during(parts.ray.proxy, (proxy) => proxy.cut(), dice.between(1, seconds.stuck / 2)),
    ),
  },
  {
    name: 'Ray’s head killed and restarted',
    boundSeconds: bounds.awayRay,
    strike: always(async ({ parts }) => {
      await parts.ray.kill();
      await parts.ray.start();
    }),
  },
];

export const rayFaults: readonly FaultKind[] = faults.map((fault) => ({ ...fault, hits: 'ray' }));

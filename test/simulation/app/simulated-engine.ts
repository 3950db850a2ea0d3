import type { Engine } from '../../../src/engine/engine.ts';
import { rayJobRunner } from '../../../src/runners/ray-job.ts';
import type { Process } from '../clockwork/process.ts';
import { simulatedTasks } from '../plan/user-code.ts';
import { simulatedTransport } from '../ray/ray-transport.ts';
import type { World } from '../world.ts';
import { sqlPort } from './sql-port.ts';

/** The product's own engine and its own Ray runner, for one instance, with every port of theirs in our hands. */
export function makeSimulatedEngine(world: World, process: Process, closing: AbortSignal): Engine {
  const ray = rayJobRunner({
    address: 'http://ray.simulated:8265',
    transport: simulatedTransport(world),
    package: { name: '_ray_pkg_0123456789abcdef.zip', base64: 'UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==' },
    now: world.scheduler.nowMs,
  });
  const engine: Engine = {
    db: sqlPort(world, process),
    tasks: simulatedTasks,
    schedules: [],
    requestsLeft: () => Number.POSITIVE_INFINITY,
    settings: world.plan.settings,
    ray,
    remotes: [ray],
    store: world.store.port,
    log: (_level, event, members) => world.trace(`${process.name} logs ${event} ${JSON.stringify(members ?? {})}`),
    redact: (text) => text,
    random: () => world.dice.next(),
    newId: world.newId,
    monotonicMs: () => world.scheduler.nowMs(),
    closing,
    capability: () => 'a-capability-of-the-simulation',
  };
  return world.mutation?.engine?.(engine, world) ?? engine;
}

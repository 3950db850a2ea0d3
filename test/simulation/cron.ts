import { runOnce } from './clients.ts';
import { isOngoing, type World } from './world.ts';

/** Triggers runs at least once in each period, but for when it is silent, and until everything has come to rest. */
export function startCron(world: World): void {
  const { dice, scheduler, plan } = world;
  scheduler.after(plan.cronSeconds * dice.between(500, 1_000), async () => {
    if (world.isCalm && (await hasComeToRest(world))) {
      world.isAtRest = true;
      return;
    }
    const times = triggers(world);
    for (let time = 0; time < times; time += 1) void runOnce(world, 0, dice.pick(plan.budgets));
    startCron(world);
  });
}

function triggers(world: World): number {
  if (isOngoing(world, 'cron_silent')) return 0;
  return world.dice.chance(world.weather.triggerRepeats) ? 3 : 1;
}

const hasComeToRest = async ({ ray, app, statements, busyClients }: World): Promise<boolean> =>
  busyClients === 0 && ray.drivers.size === 0 && app.isIdle() && (await statements.areAllFinal());

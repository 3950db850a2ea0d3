import type { SimulatedRay } from '../ray/simulated-ray.ts';
import type { World } from '../world.ts';
import type { Episode, EpisodeKind } from './plan.ts';

/** Lets the plan's episodes happen: some are one moment, the others begin and end. */
export function startEpisodes(world: World): void {
  for (const episode of world.plan.episodes) {
    world.scheduler.after(episode.atSeconds * 1_000, () => begin(world, episode));
  }
}

/** Those that are over as soon as they have happened. */
const moments: Partial<Record<EpisodeKind, (ray: SimulatedRay) => void>> = {
  ray_forgets: (ray) => ray.restartForgetful(),
  ray_restarts_durably: (ray) => ray.restartDurably(),
};

function begin(world: World, { kind, seconds }: Episode): void {
  const { scheduler, ongoing, ray } = world;
  if (world.isCalm) return;
  const moment = moments[kind];
  if (moment) {
    moment(ray);
    return;
  }
  world.trace(`${kind} for ${seconds.toFixed(1)} s`);
  if (kind === 'drivers_cut_off') {
    // Those that live now, as on nodes that lost their network; what starts later runs elsewhere.
    for (const driver of ray.drivers.values()) driver.cutOffUntilMs = scheduler.nowMs() + seconds * 1_000;
    return;
  }
  ongoing.set(kind, (ongoing.get(kind) ?? 0) + 1);
  scheduler.after(seconds * 1_000, () => {
    if (world.isCalm) return;
    ongoing.set(kind, (ongoing.get(kind) ?? 1) - 1);
  });
}

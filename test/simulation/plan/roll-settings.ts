import type { BackoffPolicy } from '../../../src/core/backoff.ts';
import type { EngineSettings } from '../../../src/engine/engine.ts';
import type { Dice } from '../clockwork/dice.ts';

/** Settings of a deployment, each allowed by contract §5 and short, so that a run meets every timeout. */
export function rollSettings(dice: Dice): EngineSettings {
  const leaseSeconds = dice.pick([5, 10, 25]);
  const stuckSeconds = dice.pick([20, 30, 50]);
  const heartbeatSeconds = Math.min(leaseSeconds / 2, stuckSeconds / 4) * dice.between(0.3, 0.95);
  const backoff: BackoffPolicy = { baseSeconds: dice.pick([0, 1, 4]), jitter: dice.pick([0, 0.2, 1]) };
  return {
    runner: dice.chance(0.75) ? 'ray_job' : 'inline',
    queues: null,
    concurrency: dice.pick([1, 2, 3, 4, 4, 6, 6]),
    maxAttempts: dice.pick([1, 2, 3, 4, 5]),
    backoff,
    retryDenylist: [],
    taskTimeoutSeconds: null,
    queueTimeoutSeconds: dice.pick([null, 60, 300]),
    startTimeoutSeconds: dice.pick([12, 20, 40]),
    stuckSeconds,
    graceSeconds: dice.pick([2, 6, 15]),
    leaseSeconds,
    heartbeatSeconds,
    inlineBytes: 1_024,
    publicUrl: 'http://app',
  };
}

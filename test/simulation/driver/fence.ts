/** As in infra/ray/mobula_driver/fence.py: a driver that the app has not accepted for so long is over. */
export interface Fence {
  accept(sentAtMs: number): void;
  leftMs(): number;
}

const shareOfSilence = 0.8;

export function makeFence(silenceSeconds: number, acceptedAtMs: number, nowMs: () => number): Fence {
  let accepted = acceptedAtMs;
  return {
    accept: (sentAtMs) => {
      accepted = Math.max(accepted, sentAtMs);
    },
    leftMs: () => accepted + shareOfSilence * silenceSeconds * 1_000 - nowMs(),
  };
}

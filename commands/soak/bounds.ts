/** Settings under which a fault is over in seconds. */
export const seconds = { cron: 1, lease: 4, heartbeat: 0.8, stuck: 8, grace: 1, start: 60 } as const;

const { cron, lease, stuck, grace } = seconds;
/** A young attempt is looked after this often, at the least. */
const checkInterval = 5;
/** Ray's time to stop a job, and a second. */
const stop = 4;
/** A cluster that did not answer is left in peace this long. */
const breaker = 10;

/** The recovery bounds of contract §2, in terms of these settings; without backoff, which is none here. */
export const bounds = {
  deadInvocation: 2 * cron + lease,
  deadDriver: 2 * cron + checkInterval + grace,
  silentDriver: 2 * cron + stuck + stop,
  awayRay: breaker + 2 * cron + stuck + stop,
} as const;

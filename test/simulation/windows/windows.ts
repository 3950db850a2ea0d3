/** The moments at which a crash or a fault is most likely to hurt, by the numbers of the fault matrix, which ends with W20. */
export const windows = {
  W0: 'a trigger came, and its call died before anything was written',
  W1: 'an enqueue was sent and not stored',
  W2: 'an enqueue was stored and its answer lost',
  W3: 'a claim was sent and not stored',
  W4: 'a claim was stored and its job never sent by that call',
  W5a: 'a submission was lost on its way to Ray',
  W5b: 'Ray took a submission and its answer was lost, late or an error',
  W5c: 'Ray said "already exists" of a new id, and never started it',
  W5d: 'the same id was submitted by two calls',
  W6: 'Ray took a submission, and the row was never told by that call',
  W7: 'no call ran for long while jobs were in flight',
  W8a: 'Ray restarted and forgot jobs that were in flight',
  W8b: 'Ray did not answer, or not sensibly',
  W8c: 'a job stayed PENDING, or ran, past its time',
  W9: 'a driver died in user code',
  W10: 'an object was stored, and its writer died before the row was told',
  W11a: 'a driver died, and Ray called it failed, after its outcome was stored',
  W11b: 'Ray called a job succeeded whose outcome never came',
  W12: 'the end of an attempt was sent and not stored',
  W13: 'the end of an attempt was stored and its answer lost',
  W17a: 'a driver froze past its fence while Ray could be reached',
  W17b: 'an outcome came when a later attempt had been claimed',
  W18a: 'a cancel met an attempt that was claimed and had not begun',
  W18b: 'a cancel met an outcome on its way',
  W19: 'a purge met a reader or a driver of what it removed',
  W20: 'two runs overlapped',
  W21a: 'a driver began in a job in which others waited',
  W21b: 'a shared job ended before all in it had begun',
  W22: 'a long input was asked for after its claim, and did not come',
} as const;

export type WindowName = keyof typeof windows;
export type WindowCounts = Record<WindowName, number>;

/** How often each window must have been met, or a set of runs proves little. */
export const leastHits = 50;

export const noHits = (): WindowCounts =>
  Object.fromEntries(Object.keys(windows).map((name) => [name, 0])) as WindowCounts;

/** Adds what one run met to what all have. */
export function addHits(total: WindowCounts, more: WindowCounts): void {
  for (const name of Object.keys(windows) as WindowName[]) total[name] += more[name];
}

/** The windows that were met too seldom. */
export const missed = (counts: WindowCounts, least = leastHits): WindowName[] =>
  (Object.keys(windows) as WindowName[]).filter((name) => counts[name] < least);

/** One line for each window: its number, how often it was met, and what it is. */
export const windowTable = (counts: WindowCounts): string =>
  (Object.keys(windows) as WindowName[])
    .map((name) => `${name.padEnd(5)} ${String(counts[name]).padStart(7)}  ${windows[name]}`)
    .join('\n');

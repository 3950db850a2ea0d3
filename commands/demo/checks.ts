import { tell } from './say.ts';

/** What the demo expects, checked as it goes: it shows what happened, and must not call it right where it is not. */
export interface Checks {
  readonly done: number;
  readonly failed: number;
  /** Says what is wrong where `holds` is false. */
  expect(what: string, holds: boolean): void;
}

export function startChecks(): Checks {
  let done = 0;
  let failed = 0;
  return {
    get done() {
      return done;
    },
    get failed() {
      return failed;
    },
    expect(what, holds) {
      done += 1;
      if (holds) return;
      failed += 1;
      tell(`NOT AS EXPECTED: ${what}`);
    },
  };
}

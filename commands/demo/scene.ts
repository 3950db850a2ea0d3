import type { Api } from './api.ts';
import type { Checks } from './checks.ts';
import type { Parts } from './parts.ts';

/** What every chapter of the story has at hand. */
export interface Scene {
  readonly parts: Parts;
  readonly api: Api;
  readonly checks: Checks;
  readonly abort: AbortSignal;
}

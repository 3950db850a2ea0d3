import type { Caller, Scope } from './caller.ts';

/** What a prover may look at: the request before anything of it is parsed, and what it wants. */
export interface Knock {
  readonly request: Request;
  readonly route: { readonly scope: Scope; readonly method: string; readonly path: string };
  readonly params: Readonly<Record<string, string>>;
  /** The bounded bytes of the body, for proofs that sign them. */
  readBytes(): Promise<Uint8Array>;
}

/** Makes a caller of one kind of proof; null where the request carries none of it, or none that holds. */
export type Prover = (knock: Knock) => Promise<Caller | null>;

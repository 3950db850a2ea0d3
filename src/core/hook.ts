import type * as z from 'zod';
import type { AnyTask } from './task.ts';

/** A request to a hook, of which nothing is believed yet. */
export interface Delivery {
  readonly headers: Headers;
  /** Where it was sent to, as `MOBULA_PUBLIC_URL` has it and never as the request says; null where that is not set. */
  readonly url: string | null;
  /** The body as it came: a signature is over bytes, not over what they mean. */
  readonly bytes: Uint8Array;
}

/** A delivery that its sender has proven, by the id that the sender gives it with every try; null where it gives none. */
export interface ProvenDelivery {
  readonly id: string | null;
}

/** How a sender proves its deliveries. */
export interface HookVerifier {
  readonly kind: typeof verifierKind;
  /** What a secret of this kind must be, where this one is not; never the secret itself. */
  secretProblem(secret: string): string | null;
  /** Whether the proof is bound to the address, so that `MOBULA_PUBLIC_URL` is needed. */
  readonly signsUrl?: boolean;
  /** Null where no secret fits. `now` is the database's clock, asked only when all else holds. */
  verify(delivery: Delivery, secrets: readonly string[], now: () => Promise<Date>): Promise<ProvenDelivery | null>;
}

/** A string, so that verifiers made by another copy of the library are still recognised. */
export const verifierKind = 'mobula.verifier';

export const isVerifier = (value: unknown): value is HookVerifier =>
  typeof value === 'object' && value !== null && 'kind' in value && value.kind === verifierKind;

type InputFor<T> = T extends { readonly input: infer Schema extends z.ZodType } ? z.input<Schema> : unknown;

/** A webhook: what is delivered to `POST /hooks/<name>` becomes an execution of one fixed task. */
export interface Hook<T extends AnyTask = AnyTask> {
  readonly task: T;
  readonly verify: HookVerifier;
  /**
   * The task's input, made of what was delivered; null or undefined to let the delivery pass without an execution. It may
   * be asked again for the same delivery. What it throws refuses the delivery with 422, and is told to the log alone.
   */
  input(
    // biome-ignore lint/suspicious/noExplicitAny: the JSON of a sender, which a mapping knows better than any type.
    payload: any,
    delivery: { readonly id: string | null; readonly headers: Headers },
  ): InputFor<T> | null | undefined | Promise<InputFor<T> | null | undefined>;
}

/** The hooks of a deployment by name. */
export type Hooks = Readonly<Record<string, Hook>>;

/** A hook with the secrets that its sender proves itself by. */
export interface ServedHook extends Hook {
  readonly secrets: readonly string[];
}

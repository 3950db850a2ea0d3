import type { ServedHook } from '../core/hook.ts';
import { addressOf } from './address.ts';
import { isDeliveryId } from './hook-secret.ts';
import type { Prover } from './prover.ts';

export interface HookDeliveries {
  readonly hooks: ReadonlyMap<string, ServedHook>;
  readonly publicUrl: string | null;
  /** The database's clock. */
  readonly now: () => Promise<Date>;
}

/** Proves a delivery by its hook's own scheme and secrets. A hook that is not there proves nothing, as a bad proof does. */
export function hookDeliveries({ hooks, publicUrl, now }: HookDeliveries): Prover {
  return async (knock) => {
    const name = knock.params['name'] ?? '';
    const hook = knock.route.scope === 'hook' ? hooks.get(name) : undefined;
    if (!hook) return null;
    const url = publicUrl === null ? null : addressOf(knock, publicUrl);
    const delivery = { headers: knock.request.headers, url, bytes: await knock.readBytes() };
    const proven = await hook.verify.verify(delivery, hook.secrets, now);
    if (!proven || (proven.id !== null && !isDeliveryId(proven.id))) return null;
    return { kind: 'hook', hook: name, deliveryId: proven.id };
  };
}

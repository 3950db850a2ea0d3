import { AsyncLocalStorage } from 'node:async_hooks';

interface Call<Context> {
  readonly context: Context;
  readonly parts: Map<() => object, object>;
}

/** What belongs to one call, on a platform where two calls of an instance may not share what they are doing. */
export interface CallScope<Context> {
  /** Runs `work` as a call; all that it awaits and starts belongs to it. */
  enter<T>(context: Context, work: () => T): T;
  /** Of the call that is running. */
  context(): Context;
  /** Makes something anew for each call that uses it, and answers a stand-in that is each call's own. */
  perCall<T extends object>(make: () => T): T;
}

/** Opens a scope. Whoever asks it outside a call has a bug, and is told. */
export function callScope<Context>(): CallScope<Context> {
  const storage = new AsyncLocalStorage<Call<Context>>();

  function current(): Call<Context> {
    const call = storage.getStore();
    if (!call) throw new RangeError('There is no call here.');
    return call;
  }

  function partOf(make: () => object): object {
    const { parts } = current();
    const part = parts.get(make) ?? make();
    parts.set(make, part);
    return part;
  }

  return {
    enter: (context, work) => storage.run({ context, parts: new Map() }, work),
    context: () => current().context,
    perCall: <T extends object>(make: () => T): T =>
      new Proxy({} as T, { get: (_, name) => Reflect.get(partOf(make), name) }),
  };
}

import { createHash } from 'node:crypto';
import { MobulaError } from '../../../src/core/errors.ts';
import type { Digest, ResultStore } from '../../../src/core/result-store.ts';
import { currentCall, kill, never } from '../clockwork/process.ts';
import { obligationsOf } from '../windows/obligations.ts';
import type { World } from '../world.ts';

/** A bucket in memory: create-only, by content, and as unreliable as the weather. */
export interface SimulatedStore {
  readonly objects: Map<string, string>;
  /** The port of the app. */
  readonly port: ResultStore;
  /** A driver's upload by a signed URL. False: it did not arrive, as far as the driver knows. */
  upload(digest: Digest, text: string): Promise<boolean>;
}

const unavailable = () => new MobulaError('store_unavailable', 'The simulated store is away.');

/** Makes the store of a run; in some it keeps nothing, as `digest` does. */
export function makeStore(world: World): SimulatedStore {
  const keepsValues = world.plan.hasStore;
  const objects = new Map<string, string>();
  const reference = ({ sha256, bytes }: Digest) =>
    `s3://simulated/${sha256.slice(0, 2)}/${sha256.slice(2, 4)}/${sha256}.json?bytes=${bytes}`;

  /** One call over the network: it may fail before or after it did its work, and take its caller with it. */
  function reach<T>(effect: () => T, stores = false): Promise<T> {
    const { process } = currentCall()!;
    const { dice, scheduler, weather } = world;
    if (process.diedAtMs !== null) return never();
    const trouble = dice.chance(weather.storeTrouble) ? dice.pick(['before', 'after'] as const) : null;
    const isBad = process.kind === 'app' && dice.chance(weather.appDies);
    const dies = isBad ? dice.pick(['before', 'after'] as const) : null;
    const diesOfIt = stores && dice.chance(weather.diesAfterStoring);
    if (dies === 'before') {
      kill(process, 'before a call to the store');
      return never();
    }
    return new Promise((resolve, reject) => {
      scheduler.after(dice.between(1, 40), () => {
        const value = trouble === 'before' ? null : effect();
        if (dies === 'after' || diesOfIt) return kill(process, 'after a call to the store');
        const answer = () => (trouble === null ? resolve(value as T) : reject(unavailable()));
        scheduler.after(dice.between(1, 40), answer, process);
      });
    });
  }

  const create = (digest: Digest, text: string) => {
    const name = reference(digest);
    if (!objects.has(name)) objects.set(name, text);
  };
  const bytesOf = (text: string) => new TextEncoder().encode(text);

  return {
    objects,
    port: {
      name: keepsValues ? 's3' : 'digest',
      keepsValues,
      reference: (digest) =>
        keepsValues ? reference(digest) : `oversize://sha256/${digest.sha256}?bytes=${digest.bytes}`,
      put: (digest, bytes) => {
        const { process } = currentCall()!;
        return reach(() => {
          create(digest, new TextDecoder().decode(bytes));
          if (process.diedAtMs === null) obligationsOf(process).hasStored = true;
        }, true);
      },
      putStream: () => Promise.resolve(false),
      read: (name) =>
        reach(() => {
          const text = objects.get(name);
          return text === undefined
            ? { kind: 'absent', message: 'Not there.' }
            : { kind: 'found', bytes: bytesOf(text) };
        }),
      open: () => Promise.resolve({ kind: 'absent', message: 'Not simulated.' }),
      has: (digest) => reach(() => objects.has(reference(digest))),
      remove: (name) =>
        reach(() => {
          objects.delete(name);
          return true;
        }),
      signUpload: () => Promise.resolve({ method: 'PUT', url: 'https://simulated', headers: {} }),
      signDownload: () => Promise.resolve(null),
      check: () => Promise.resolve([]),
    },
    upload: (digest, text) => {
      const { process } = currentCall()!;
      const stored = reach(() => {
        create(digest, text);
        if (process.diedAtMs === null) obligationsOf(process).hasStored = true;
      }, true);
      return stored.then(
        () => true,
        () => false,
      );
    },
  };
}

/** Length and SHA-256 of a text in UTF-8. */
export const digestOf = (text: string): Digest => ({
  sha256: createHash('sha256').update(text).digest('hex'),
  bytes: Buffer.byteLength(text),
});

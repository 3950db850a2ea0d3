import { join } from 'node:path';
import { ensureRay, type Ray, startRay } from '../../infra/local/ray.ts';
import { FakeRay } from '../../test/support/fake-ray.ts';
import { type FaultProxy, startFaultProxy } from '../../test/support/fault-proxy.ts';

/** A Ray that can be killed and comes back as another, at one address. */
export interface SoakRay {
  readonly title: string;
  readonly url: string;
  readonly proxy: FaultProxy;
  kill(): Promise<void>;
  /** A new head, which knows nothing of the old one's jobs. */
  start(): Promise<void>;
  stop(): Promise<void>;
}

const portOf = (url: string) => Number(new URL(url).port);

/** A real one where this machine can have it; else one that only speaks as Ray does, with the real driver in real processes. */
export async function startSoakRay(say: (line: string) => void): Promise<SoakRay> {
  const installed = await ensureRay(say);
  if (!('missing' in installed)) return startReal();
  say(`Ray is a fake here: ${installed.missing}.`);
  return startFake();
}

/** A head that starts beside all the rest may take too long for its own patience; then another one is tried. */
async function startPatiently(): Promise<Ray> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await startRay({ cpus: 2 });
    } catch (error) {
      if (tries === 5) throw error;
    }
  }
}

async function startReal(): Promise<SoakRay> {
  let ray = await startPatiently();
  const proxy = await startFaultProxy(portOf(ray.url));
  return {
    title: 'a real Ray',
    url: `http://127.0.0.1:${proxy.port}`,
    proxy,
    async kill() {
      await ray.kill();
      await ray.stop();
    },
    async start() {
      ray = await startPatiently();
      proxy.leadTo(portOf(ray.url));
    },
    async stop() {
      await proxy.close();
      await ray.stop();
    },
  };
}

async function startFake(): Promise<SoakRay> {
  const ray = await FakeRay.start({ execute: true });
  const proxy = await startFaultProxy(portOf(ray.url));
  return {
    title: 'a fake Ray with real drivers',
    url: `http://127.0.0.1:${proxy.port}`,
    proxy,
    async kill() {
      await ray.down();
      ray.restart();
    },
    start: () => ray.up(),
    async stop() {
      await proxy.close();
      await ray.close();
    },
  };
}

/** Where the ledger's Python code is, for the drivers. */
export const ledgerDeployment = join(import.meta.dirname, '../../test/faults/deployment');

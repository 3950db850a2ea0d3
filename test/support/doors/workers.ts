import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTestHarness } from 'wrangler';
import { type OpenDoor, settings, toAnswer, toInit } from './door.ts';

/** How a Worker comes to its database. */
export interface WorkerWay {
  readonly name: string;
  readonly vars: Readonly<Record<string, string>>;
  /** Bound as Hyperdrive. */
  readonly hyperdrive?: string;
}

export interface Workers {
  door(name: string): OpenDoor;
  /** Lets another cron of a Worker strike. */
  strike(name: string, cron: string): Promise<void>;
  /** What the Workers have logged so far. */
  log(): string;
  close(): Promise<void>;
}

/** One Worker for each way, all in a workerd of their own. */
export async function openWorkers(ways: readonly WorkerWay[]): Promise<Workers> {
  const root = await mkdtemp(join(tmpdir(), 'mobula-workers-')); // it leaves folders of its own behind
  const harness = createTestHarness({ root, workers: ways.map((way) => ({ config: configOf(way) })) });
  await harness.listen();

  async function strike(name: string, cron: string): Promise<void> {
    const { outcome } = await harness.getWorker(name).scheduled({ cron });
    if (outcome !== 'ok') throw new Error(`The cron ended as ${outcome}: ${log()}`);
  }
  const log = () =>
    harness
      .getLogs()
      .map(({ message }) => message)
      .join('\n');

  return {
    door: (name) => ({
      call: async (asked) => {
        const request = harness.getWorker(name).fetch(`https://mobula.example.com${asked.path}`, toInit(asked));
        return toAnswer((await request) as unknown as Response);
      },
      cron: () => strike(name, '* * * * *'),
      close: () => Promise.resolve(),
    }),
    strike,
    log,
    async close() {
      await harness.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}

const configOf = ({ name, vars, hyperdrive }: WorkerWay) => ({
  name,
  main: join(import.meta.dirname, 'worker.ts'),
  compatibility_date: '2026-11-17',
  compatibility_flags: ['nodejs_compat'],
  vars: { ...settings, ...vars },
  ...(hyperdrive && { hyperdrive: [{ binding: 'HYPERDRIVE', id: 'local', localConnectionString: hyperdrive }] }),
});

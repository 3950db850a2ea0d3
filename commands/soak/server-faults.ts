import { setTimeout as sleep } from 'node:timers/promises';
import type { Server } from '../../test/support/server.ts';
import { bounds, seconds } from './bounds.ts';
import { always, type FaultKind } from './fault-kind.ts';

export const serverFaults: readonly FaultKind[] = [
  {
    name: 'server killed',
    hits: 'inline',
    boundSeconds: bounds.deadInvocation,
    strike: always(async ({ parts, dice }) => {
      const index = dice.pick(parts.servers.map((_, place) => place));
      await (parts.servers[index] as Server).stop('SIGKILL');
      await parts.revive(index);
    }),
  },
  {
    name: 'server frozen past its lease',
    hits: 'inline',
    boundSeconds: bounds.deadInvocation,
    strike: always(async ({ parts, dice, frozen }) => {
      const { pid } = dice.pick(parts.servers);
      frozen.add(pid);
      process.kill(pid, 'SIGSTOP');
      await sleep(dice.between(1.2, 2) * seconds.lease * 1_000);
      process.kill(pid, 'SIGCONT');
    }),
  },
];

import type { Contestant } from './contestant.ts';

/** A call of one verb, over the channel between the bench and a contestant's process. */
export interface Asked {
  readonly id: number;
  readonly verb: keyof Contestant;
  readonly numbers: readonly number[];
}

export type Answered =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: string };

/** What a contestant's program ends with: it does what the bench asks, and ends with the bench. */
export function serveContestant(contestant: Partial<Contestant>): void {
  process.on('message', (asked: Asked) => void answer(contestant, asked));
  process.on('disconnect', () => process.exit());
  process.send?.('ready');
}

async function answer(contestant: Partial<Contestant>, { id, verb, numbers }: Asked): Promise<void> {
  const tell = (answered: Answered) => void process.send?.(answered);
  try {
    const call = contestant[verb] as ((...numbers: readonly number[]) => Promise<unknown>) | undefined;
    if (!call) throw new TypeError(`It does not ${verb}.`);
    tell({ id, value: await call(...numbers) });
  } catch (error) {
    tell({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  }
}

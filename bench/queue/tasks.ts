import * as z from 'zod';
import { task } from '../../src/index.ts';
import { machineMs } from './contestant.ts';

/** What all contestants run, any number of times. */
export const nothing = task({ name: 'nothing', input: z.object({ text: z.string().optional() }), run: () => null });

/** Says when its first line ran. */
export const stamp = task({ name: 'stamp', input: z.object({}), run: () => machineMs() });

import { limits } from '../core/limits.ts';
import type { Engine } from './engine.ts';

type Counted = Pick<Engine, 'requestsLeft'>;

/** A call to Ray that goes wrong is asked after by another. */
const requestsEach = 2;

/**
 * How many of `wanted` things, each a request or two to somebody or so many of them together, this call may do where its platform counts requests.
 * Three kinds of work share what is left, side by side, and some is kept for the end.
 */
export const affordable = ({ requestsLeft }: Counted, wanted: number, perRequest = 1): number =>
  Math.max(
    0,
    Math.min(wanted, perRequest * Math.floor((requestsLeft() - limits.requestsForTheEnd) / 3 / requestsEach)),
  );

/** Whether the call may go on at all. */
export const canAfford = (engine: Counted): boolean => affordable(engine, 1) > 0;

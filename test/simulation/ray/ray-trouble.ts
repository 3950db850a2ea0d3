import { alreadyExists, type Reply } from '../../support/fake-ray/rest.ts';
import type { Dice } from '../clockwork/dice.ts';

/** What Ray, or something between, makes of one call. `takes` tells whether Ray did what was asked. */
export interface RayTrouble {
  readonly name: string;
  readonly takes: boolean;
  /** Null is no answer at all. */
  readonly reply: Reply | null;
  /** No answer, and no word that there is none. */
  readonly hangs?: boolean;
  /** Makes a record that nothing ever starts. */
  readonly makesGhost?: boolean;
}

const plain = (status: number, text: string): Reply => ({ status, text });

const anywhere: readonly RayTrouble[] = [
  { name: 'lost', takes: false, reply: null },
  { name: 'hangs', takes: false, reply: null, hangs: true },
  { name: 'answer lost', takes: true, reply: null },
  { name: '500', takes: false, reply: plain(500, '500 Internal Server Error\n\nServer got itself in trouble') },
  { name: '503', takes: false, reply: plain(503, 'upstream connect error') },
  { name: '404 of a proxy', takes: false, reply: plain(404, '404: Not Found') },
  { name: 'a sign-in page', takes: false, reply: plain(200, '<!doctype html><title>Sign in</title>') },
  { name: 'garbage', takes: false, reply: plain(200, '{"submission_id": "mob') },
];

/** Twice as often as the rest: what makes a submission doubtful. */
const atSubmission: readonly RayTrouble[] = [
  { name: 'taken, then 500', takes: true, reply: plain(500, 'Internal Server Error') },
  { name: 'taken, then hangs', takes: true, reply: null, hangs: true },
  { name: 'answer lost', takes: true, reply: null },
  { name: 'no agent', takes: false, reply: plain(500, 'No available agent to submit job, please try again later.') },
  { name: 'ghost', takes: false, reply: alreadyExists('it'), makesGhost: true },
  { name: 'ghost', takes: false, reply: alreadyExists('it'), makesGhost: true },
];

/** One of them. */
export const rollTrouble = (dice: Dice, isSubmission: boolean): RayTrouble =>
  dice.pick(isSubmission && dice.chance(0.7) ? atSubmission : anywhere);

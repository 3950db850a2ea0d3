import { beginChain, endChain } from '../src/db/chain.ts';
import type { Caller } from '../src/http/caller.ts';
import { failureText } from '../src/http/failure-text.ts';
import type { Deployed } from './deployed.ts';

/** Beyond a call's own time, until its chain counts as broken and another may begin. */
const graceSeconds = 60;

/** The call that was made goes on without us; this is for it to be taken. */
const sendMs = 2_000;

/** How long one link of the chain may take. */
export const linkSeconds = ({ callSeconds }: Deployed): number => callSeconds + graceSeconds;

export interface Stop {
  readonly caller: Caller;
  readonly queues: readonly string[] | null;
  /** Whether the time of the call has left something undone. */
  readonly hasMore: boolean;
}

/**
 * Has a `/run` that had to stop call the next one, where `MOBULA_SELF_CHAIN` allows so many in a row. There is one chain at
 * most: a call from outside begins it only where none is live, and each link can be taken up once.
 */
export async function goOn(deployed: Deployed, stop: Stop): Promise<void> {
  try {
    await follow(deployed, stop);
  } catch (error) {
    // What was done is done; the next cron goes on from there.
    deployed.engine.log('warn', 'chain_broken', { error: failureText(error) });
  }
}

async function follow(deployed: Deployed, { caller, queues, hasMore }: Stop): Promise<void> {
  const { engine, settings } = deployed;
  const link = caller.kind === 'chain' ? caller.link : 0;
  const isOver = !hasMore || link >= settings.MOBULA_SELF_CHAIN;
  if (isOver) return caller.kind === 'chain' ? endChain(engine.db, caller.stamp) : undefined;
  const stamp = caller.kind === 'chain' ? caller.stamp : await beginChain(engine.db, linkSeconds(deployed));
  if (stamp === null) return;
  const sent = callNext(deployed, { stamp, link: link + 1, queues });
  if (deployed.afterAnswer) deployed.afterAnswer(sent);
  else await sent;
}

interface Next {
  readonly stamp: string;
  readonly link: number;
  readonly queues: readonly string[] | null;
}

async function callNext({ engine, settings, tokens }: Deployed, { stamp, link, queues }: Next): Promise<void> {
  try {
    const token = tokens?.mint({ use: 'chain', stamp, link });
    const answer = await fetch(`${settings.MOBULA_PUBLIC_URL}/run`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ queue_name: queues }),
      redirect: 'manual',
      signal: AbortSignal.timeout(sendMs),
    });
    await answer.body?.cancel();
    if (!answer.ok) throw new Error(`The next call answered ${answer.status}.`);
  } catch (error) {
    if (error instanceof DOMException && error.name === 'TimeoutError') return; // it is at work
    engine.log('warn', 'chain_broken', { link, error: failureText(error) });
    await endChain(engine.db, stamp);
  }
}

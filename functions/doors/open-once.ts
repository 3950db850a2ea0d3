import { Hono } from 'hono';
import type { Mobula } from '../../src/compose.ts';
import { messageOf } from '../../src/core/observe.ts';
import { problemAnswer } from '../../src/http/problem.ts';
import { logJson } from '../../src/log.ts';
import { createApp } from '../app.ts';
import type { Deployed } from '../deployed.ts';
import { sayWhatIsClosed } from '../say-what-is-closed.ts';

/** A deployment that takes calls. */
export interface Opened {
  readonly app: Hono;
  close(): Promise<void>;
}

export interface Opening extends Pick<Deployed, 'afterAnswer' | 'answerBytes'> {
  readonly basePath: string;
  readonly compose: () => Mobula;
  /** The time budget of the call that is running, where no setting says another. */
  readonly seconds: () => number;
}

/**
 * Puts a deployment together at the first call of an instance, and keeps it: nothing is read at import. Where it cannot
 * be, the log is told once, and every call answers that it is misconfigured.
 */
export function openOnce<Source>(open: (source: Source) => Opening): (source: Source) => Opened {
  let opened: Opened | undefined;
  return (source) => {
    opened ??= openOrTell(open(source));
    return opened;
  };
}

function openOrTell({ basePath, compose, seconds, afterAnswer, answerBytes }: Opening): Opened {
  try {
    const mobula = compose();
    sayWhatIsClosed(mobula.settings, mobula.engine.log);
    const deployed = {
      ...mobula,
      afterAnswer,
      answerBytes,
      get callSeconds() {
        return mobula.settings.MOBULA_INVOCATION_SECONDS ?? seconds();
      },
    };
    return { app: createApp(deployed, { basePath }), close: () => mobula.engine.db.close() };
  } catch (error) {
    logJson('error', 'not_started', { reason: messageOf(error) });
    return misconfigured();
  }
}

function misconfigured(): Opened {
  const detail = 'The settings are wrong; the log says which.';
  const app = new Hono().all('*', () => problemAnswer({ code: 'misconfigured', detail }));
  return { app, close: () => Promise.resolve() };
}

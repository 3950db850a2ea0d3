import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/**
 * How a program is ended when we end, in whatever way that comes: the signals for its process group, each with the
 * milliseconds it has before the next one. SIGKILL is for all that it started, and waits for their end.
 */
export type Ending = readonly (readonly [NodeJS.Signals, number] | readonly ['SIGKILL'])[];

export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Record<string, string>;
  /** The file that its output is appended to. */
  readonly log: string;
  readonly uid?: number;
  readonly gid?: number;
}

export interface Running {
  readonly pid: number;
  /** Answers the exit code or the signal when the program ends by itself, null when it is ended by `stop`. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
}

export interface Keeper {
  /** Has a folder removed with all that is in it, when the programs have ended. */
  remove(folder: string): void;
  /** Starts a program in a session of its own; one after the other, not two at once. */
  run(program: Program): Promise<Running>;
  /** The start is over: from here on it does not keep us alive, and an abort does not concern it. */
  unref(): void;
  /** Ends the program, removes the folders, and returns when both are done. Safe to call again. */
  stop(): Promise<void>;
}

export type ToKeeper = { remove: string } | { run: Program };
export type FromKeeper = { started: number } | { failed: string } | { ended: number | NodeJS.Signals };

/**
 * Starts the process that ends our programs when we end; see keeper.ts. An `abort` before `unref` stops it, so that what is
 * being started fails by itself.
 */
export function startKeeper(ending: Ending, abort?: AbortSignal): Keeper {
  abort?.throwIfAborted();
  const child = fork(fileURLToPath(new URL('./keeper.ts', import.meta.url)), [JSON.stringify(ending)], {
    cwd: '/',
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    execArgv: [],
    env: { PATH: process.env.PATH },
  });
  const gone = once(child, 'exit');
  // What is told to one that was stopped goes nowhere; without a function to tell of it, that would be an uncaught error.
  const send = (message: ToKeeper) => child.send(message, () => undefined);
  child.unref();
  const stop = async () => {
    abort?.removeEventListener('abort', stop);
    child.ref();
    if (child.connected) child.disconnect();
    await gone;
  };
  abort?.addEventListener('abort', stop);
  return {
    remove: (folder) => void send({ remove: folder }),
    async run(program) {
      const started = nextMessage(child, gone, 'started');
      const ended = nextMessage(child, gone, 'ended');
      send({ run: program });
      const answer = await Promise.race([started, nextMessage(child, gone, 'failed')]);
      if (answer === null || 'failed' in answer) throw new Error(`${program.command}: ${answer?.failed ?? 'stopped'}`);
      return { pid: answer.started, ended: ended.then((message) => message?.ended ?? null) };
    },
    unref() {
      abort?.removeEventListener('abort', stop);
      child.channel?.unref();
    },
    stop,
  };
}

/** Waits for a message that carries `key`; null when the keeper ends without one. */
function nextMessage<K extends 'started' | 'failed' | 'ended'>(
  child: ChildProcess,
  gone: Promise<unknown>,
  key: K,
): Promise<Extract<FromKeeper, Record<K, unknown>> | null> {
  return new Promise((resolve) => {
    const listen = (message: FromKeeper) => {
      if (!(key in message)) return;
      child.off('message', listen);
      resolve(message as Extract<FromKeeper, Record<K, unknown>>);
    };
    child.on('message', listen);
    void gone.then(() => resolve(null));
  });
}

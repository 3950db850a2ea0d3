import * as z from 'zod';
import type { AnyTask } from '../../../src/core/task.ts';
import { task } from '../../../src/define-task.ts';
import { currentCall } from '../clockwork/process.ts';
import type { CodeRun } from '../ledger.ts';
import type { TaskName } from './plan.ts';

const behaviour = z.object({
  seconds: z.number(),
  /** So many attempts raise. */
  failures: z.number(),
  /** Goes on when it is told to end. */
  isDeaf: z.boolean(),
  /** Says how far it is. */
  reports: z.boolean(),
  /** The length of its value, about. */
  bytes: z.number(),
  /** Its value is the same as that of others, and so is its object. */
  isShared: z.boolean(),
});

/** What an execution of the simulation does when it runs; it is the input. */
export type Behaviour = z.infer<typeof behaviour>;

interface Context {
  readonly id: string;
  readonly attempt: number;
  readonly signal: AbortSignal;
  progress(value: unknown): void;
}

/** User code: it takes its time, may report, may raise, and gives a value; all of it is noted in the ledger. */
export async function runCode(how: Behaviour, context: Context): Promise<unknown> {
  const run = noteStart(context);
  try {
    await takeTime(how, context, run);
    if (context.attempt <= how.failures) throw new Error('As planned.');
    const value = returnValue(how, context);
    run.value = JSON.stringify(value);
    return value;
  } finally {
    run.toMs = run.process.world.scheduler.nowMs();
  }
}

function noteStart({ id, attempt }: Context): CodeRun {
  const { process } = currentCall()!;
  const { scheduler, ledger, trace } = process.world;
  const run: CodeRun = {
    id,
    attempt,
    process,
    fromMs: scheduler.nowMs(),
    fromStep: scheduler.step(),
    toMs: null,
    value: null,
    wasDeaf: false,
  };
  ledger.codeRuns.push(run);
  trace(`${process.name} runs the code of ${id.slice(-4)} attempt ${attempt}`);
  return run;
}

function takeTime({ seconds, isDeaf, reports }: Behaviour, { signal, progress }: Context, run: CodeRun): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1_000);
    if (reports) setTimeout(() => run.toMs === null && progress({ half: true }), seconds * 500);
    const onStop = () => {
      if (isDeaf) {
        run.wasDeaf = true;
        return;
      }
      clearTimeout(timer);
      reject(new Error('Told to end.'));
    };
    signal.addEventListener('abort', onStop);
    if (signal.aborted) onStop();
  });
}

const returnValue = ({ bytes, isShared }: Behaviour, { id, attempt }: Context): unknown =>
  isShared ? 'x'.repeat(bytes) : { id, attempt, pad: 'x'.repeat(bytes) };

/** Some share jobs where they are claimed together, and some have one each. */
const perJob: Partial<Record<TaskName, number>> = { ray: 4, ray_idempotent: 4 };

const forms: Record<TaskName, { readonly ray: boolean; readonly inline: boolean; readonly idempotent: boolean }> = {
  inline: { ray: false, inline: true, idempotent: false },
  ray: { ray: true, inline: false, idempotent: false },
  ray_idempotent: { ray: true, inline: false, idempotent: true },
  both: { ray: true, inline: true, idempotent: false },
  both_idempotent: { ray: true, inline: true, idempotent: true },
};

const define = (name: TaskName): AnyTask =>
  task({
    name,
    input: behaviour,
    idempotent: forms[name].idempotent,
    ...(forms[name].inline ? { run: runCode } : {}),
    ...(forms[name].ray ? { ray: { callable: 'simulated:run', executionsPerJob: perJob[name] ?? 1 } } : {}),
  });

/** The tasks of the simulated deployment. */
export const simulatedTasks: ReadonlyMap<string, AnyTask> = new Map(
  (Object.keys(forms) as TaskName[]).map((name) => [name, define(name)]),
);

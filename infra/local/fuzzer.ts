import { join } from 'node:path';
import { cloneFolder } from './clone.ts';
import { ensureEnvironment, pythonIn } from './python.ts';

const folder = join(cloneFolder, 'fuzzer');

const wanted = {
  title: 'Schemathesis 4.32.5',
  folder,
  requirements: ['schemathesis==4.32.5'],
  cost: 'about ten seconds, a 15 MB download',
};

/** Has the fuzzer of OpenAPI documents in the clone's own Python environment; or says in plain words why it cannot be had. */
export function ensureFuzzer(log: (line: string) => void, abort?: AbortSignal): Promise<{ missing: string } | null> {
  return ensureEnvironment(wanted, log, abort);
}

/** How the fuzzer is called; through the interpreter, since a program's first line cannot name one whose path is long. */
export const fuzzer = { command: pythonIn(folder), program: join(folder, 'bin/schemathesis') } as const;

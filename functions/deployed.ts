import type { Mobula } from '../src/compose.ts';
import type { Execution } from '../src/core/execution.ts';
import { limits } from '../src/core/limits.ts';
import type { Caller } from '../src/http/caller.ts';
import { preferredWait } from '../src/http/prefer.ts';
import type { TaskView } from '../src/http/task-object.ts';

/** A deployment behind its door: what every function is made with. */
export interface Deployed extends Mobula {
  /** The time budget of one call; where the platform gives each call its own, that of the call that reads it. */
  readonly callSeconds: number;
  /** Lets work go on when the call has been answered; absent where the platform ends or freezes it then. */
  readonly afterAnswer?: ((work: Promise<unknown>) => void) | undefined;
  /** The longest value that an answer has room for; absent where that is more than the app sends by itself. */
  readonly answerBytes?: number | undefined;
}

/** How much of an execution this caller may see. */
export function viewOf(caller: Caller): TaskView {
  if (caller.kind === 'status') return 'token';
  const mayRead = caller.kind === 'bearer' && (caller.scopes.has('read') || caller.scopes.has('admin'));
  return mayRead ? 'read' : 'caller';
}

/** How long a call that began at `startedMs` waits as `Prefer: wait` asks: never beyond its own time. */
export function waitSecondsLeft({ engine, callSeconds }: Deployed, request: Request, startedMs: number): number {
  const left = callSeconds - (engine.monotonicMs() - startedMs) / 1_000;
  return Math.max(0, Math.min(preferredWait(request) ?? 0, left));
}

/** Lets a front end poll one execution for a week, counted from its enqueue; null without `MOBULA_SECRET`. */
export function statusToken({ tokens }: Deployed, { id, enqueuedAt }: Execution): string | null {
  if (!tokens) return null;
  const exp = Math.floor(enqueuedAt.getTime() / 1_000) + limits.statusTokenSeconds;
  return tokens.mint({ use: 'status', id, exp });
}

/** Where its status is: absolute where the app knows its address, else a path. A request's Host is never believed. */
export function statusUrl({ settings }: Deployed, request: Request, id: string): string {
  const base = settings.MOBULA_PUBLIC_URL ?? new URL(request.url).pathname.replace(/\/tasks(\/batch)?$/, '');
  return `${base}/status/${id}`;
}

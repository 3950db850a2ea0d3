import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { JobSight } from '../../src/core/runner.ts';
import { type AttemptFacts, isDoubtful, judge, type VerdictBounds } from '../../src/core/verdict.ts';

const bounds: VerdictBounds = { startTimeoutSeconds: 900, stuckSeconds: 300, graceSeconds: 30, timeoutSeconds: 3_600 };

const waiting: AttemptFacts = {
  cancelling: false,
  accepted: true,
  begun: false,
  shares: false,
  claimedSecondsAgo: 10,
  begunSecondsAgo: null,
  silentSeconds: null,
  rayEndedSecondsAgo: null,
};
const running: AttemptFacts = { ...waiting, begun: true, begunSecondsAgo: 8, silentSeconds: 3 };
const silent: AttemptFacts = { ...running, begunSecondsAgo: 400, silentSeconds: 300 };

const sight = (kind: JobSight['kind']): JobSight => {
  if (kind === 'gone') return { kind, session: 'session_1' };
  const message = `said ${kind}`;
  return kind === 'succeeded' || kind === 'failed' || kind === 'stopped'
    ? { kind, message, errorType: null }
    : { kind, message };
};
const ask = (facts: AttemptFacts, kind: JobSight['kind']) => judge(facts, sight(kind), bounds);

const over = ['succeeded', 'failed', 'stopped'] as const;
const alive = ['pending', 'running'] as const;
const mute = ['unreachable', 'denied'] as const;
const all = [...over, ...alive, ...mute, 'gone'] as const;

describe('an attempt that has not begun', () => {
  test.each(over)('never began where its job has %s, and what Ray said is kept', (kind) => {
    const verdict = ask(waiting, kind);
    expect(verdict).toMatchObject({ kind: 'end', as: 'never_began', stop: false });
    expect(verdict).toHaveProperty('message', expect.stringContaining(`said ${kind}`));
  });

  test.each([...alive, ...mute])('waits on while its job is %s: pending is never stuck', (kind) => {
    expect(ask({ ...waiting, claimedSecondsAgo: 899 }, kind)).toMatchObject({ kind: 'wait', rayEnded: false });
  });

  test('is submitted again, under the same id, where Ray does not know it and may never have had it', () => {
    expect(ask({ ...waiting, accepted: false }, 'gone')).toEqual({ kind: 'resubmit' });
  });

  test('never began where Ray has forgotten what it took: another number shuts the first one out', () => {
    expect(ask(waiting, 'gone')).toMatchObject({ kind: 'end', as: 'never_began' });
  });

  test.each([...alive, ...mute, 'gone'] as const)(
    'never began when its start timeout has passed, also where %s',
    (kind) => {
      expect(ask({ ...waiting, claimedSecondsAgo: 900 }, kind)).toMatchObject({
        kind: 'end',
        as: 'never_began',
        stop: true,
      });
    },
  );

  test.each(all)('is cancelled at once when it is to be, and its job stopped, where %s', (kind) => {
    expect(ask({ ...waiting, cancelling: true }, kind)).toMatchObject({ kind: 'end', as: 'cancelled', stop: true });
  });
});

describe('an attempt that has begun', () => {
  test.each([...alive, ...mute, 'gone'] as const)('waits on while it beats, where %s', (kind) => {
    expect(ask({ ...running, silentSeconds: 299.9 }, kind)).toMatchObject({ kind: 'wait', rayEnded: false });
  });

  test.each(over)('is given the grace for its outcome when its job has %s, and then is lost', (kind) => {
    expect(ask(running, kind)).toEqual({ kind: 'wait', afterSeconds: 30, rayEnded: true });
    expect(ask({ ...running, rayEndedSecondsAgo: 29 }, kind)).toEqual({
      kind: 'wait',
      afterSeconds: 1,
      rayEnded: true,
    });
    expect(ask({ ...running, rayEndedSecondsAgo: 30 }, kind)).toMatchObject({ kind: 'end', as: 'lost' });
  });

  test.each(over)('is lost at once when it was silent before its job has %s', (kind) => {
    expect(ask(silent, kind)).toMatchObject({ kind: 'end', as: 'lost' });
  });

  test.each(alive)('is stopped first when it is silent and its job is %s: two attempts must not overlap', (kind) => {
    expect(ask(silent, kind)).toMatchObject({ kind: 'stop' });
  });

  test.each(mute)('has an unknowable end when it is silent and Ray is %s', (kind) => {
    expect(ask(silent, kind)).toMatchObject({ kind: 'end', as: 'unknown' });
  });

  test('is lost when it is silent and Ray has forgotten its job', () => {
    expect(ask(silent, 'gone')).toMatchObject({ kind: 'end', as: 'lost' });
  });

  test('is stopped when its run deadline has passed, and then has timed out', () => {
    const overdue = { ...running, begunSecondsAgo: 3_600 };
    expect(ask(overdue, 'running')).toMatchObject({ kind: 'stop' });
    expect(ask({ ...overdue, rayEndedSecondsAgo: 30 }, 'stopped')).toMatchObject({ kind: 'end', as: 'timed_out' });
  });

  test('without a run deadline runs on', () => {
    const old = { ...running, begunSecondsAgo: 1e7 };
    expect(judge(old, sight('running'), { ...bounds, timeoutSeconds: null })).toMatchObject({ kind: 'wait' });
  });

  test('is stopped when it is cancelled, and is CANCELLED as soon as its job is over', () => {
    const cancelling = { ...running, cancelling: true };
    expect(ask(cancelling, 'running')).toMatchObject({ kind: 'stop' });
    expect(ask(cancelling, 'stopped')).toMatchObject({ kind: 'end', as: 'cancelled' });
  });

  test('is CANCELLED on an unreachable cluster when its driver must have ended itself, and not before', () => {
    expect(ask({ ...running, cancelling: true }, 'unreachable')).toMatchObject({ kind: 'wait' });
    expect(ask({ ...silent, cancelling: true }, 'unreachable')).toMatchObject({ kind: 'end', as: 'cancelled' });
  });
});

describe('whatever the row and Ray say', () => {
  const age = fc.double({ min: 0, max: 5_000, noNaN: true });
  const anyFacts = fc
    .record({
      cancelling: fc.boolean(),
      accepted: fc.boolean(),
      begun: fc.boolean(),
      shares: fc.boolean(),
      claimed: age,
      begunAgo: age,
      silence: age,
      ended: fc.option(age),
    })
    .map(({ cancelling, accepted, begun, shares, claimed, begunAgo, silence, ended }): AttemptFacts => {
      const since = begun ? Math.min(begunAgo, claimed) : null;
      const silentSeconds = since === null ? null : Math.min(silence, since);
      return {
        cancelling,
        accepted,
        begun,
        shares,
        claimedSecondsAgo: claimed,
        begunSecondsAgo: since,
        silentSeconds,
        rayEndedSecondsAgo: ended,
      };
    });
  const anySight = fc.constantFrom(...all).map(sight);
  const anyBounds = fc.record({
    startTimeoutSeconds: age,
    stuckSeconds: age,
    graceSeconds: age,
    timeoutSeconds: fc.option(age),
  });

  const always = (
    holds: (facts: AttemptFacts, seen: JobSight, verdict: ReturnType<typeof judge>, of: VerdictBounds) => void,
  ) =>
    fc.assert(
      fc.property(anyFacts, anySight, anyBounds, (facts, seen, of) => holds(facts, seen, judge(facts, seen, of), of)),
      { numRuns: 2_000 },
    );

  test('user code that may have started is not started again under the same attempt', () => {
    always((facts, _seen, verdict) => {
      if (facts.begun) expect(verdict.kind).not.toBe('resubmit');
      if (verdict.kind === 'end') expect(verdict.as === 'never_began').toBe(!facts.begun && !facts.cancelling);
    });
  });

  test('an attempt that beats and whose job is not over is never ended', () => {
    always((facts, seen, verdict, of) => {
      const beats = facts.begun && (facts.silentSeconds ?? 0) < of.stuckSeconds;
      if (beats && !over.some((kind) => kind === seen.kind)) expect(verdict.kind).not.toBe('end');
    });
  });

  test('an attempt that may still be alive on a cluster that answers is never called over', () => {
    always((facts, seen, verdict) => {
      if (facts.begun && (seen.kind === 'running' || seen.kind === 'pending')) expect(verdict.kind).not.toBe('end');
    });
  });

  test('what is cancelled ends CANCELLED or goes on being ended, nothing else', () => {
    always((facts, _seen, verdict) => {
      if (facts.cancelling && verdict.kind === 'end') expect(verdict.as).toBe('cancelled');
      if (!facts.cancelling && verdict.kind === 'end') expect(verdict.as).not.toBe('cancelled');
    });
  });

  test('it is looked after again soon, and not at once', () => {
    always((_facts, _seen, verdict, of) => {
      if (!('afterSeconds' in verdict)) return;
      expect(verdict.afterSeconds).toBeGreaterThan(0);
      expect(verdict.afterSeconds).toBeLessThanOrEqual(Math.max(60, of.graceSeconds));
    });
  });
});

describe('a job that Ray calls running', () => {
  test('is in doubt after two heartbeats without a beat, or without a begin', () => {
    expect(isDoubtful({ ...running, silentSeconds: 31 }, sight('running'), 15)).toBe(true);
    expect(isDoubtful({ ...running, silentSeconds: 29 }, sight('running'), 15)).toBe(false);
    expect(isDoubtful({ ...waiting, claimedSecondsAgo: 31 }, sight('running'), 15)).toBe(true);
  });

  test('is not one in which others have to end before this one begins', () => {
    expect(isDoubtful({ ...waiting, shares: true, claimedSecondsAgo: 31 }, sight('running'), 15)).toBe(false);
    expect(isDoubtful({ ...running, shares: true, silentSeconds: 31 }, sight('running'), 15)).toBe(true);
  });

  test.each(all.filter((kind) => kind !== 'running'))('is the only one that can be: not one that is %s', (kind) => {
    expect(isDoubtful(silent, sight(kind), 15)).toBe(false);
  });
});

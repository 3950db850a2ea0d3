import { describe, expect, test } from 'vitest';
import { type Heard, type Run, work } from './work.ts';

const outcomes = (run: Run) => run.of('complete').flatMap(({ body }) => body.attempts);
const ids = (heard: Heard[]) => heard.flatMap(({ body }) => body.attempts.map(({ id }: { id: string }) => id));
const isDone = (run: Run, count: number) => () => outcomes(run).length >= count;
const settled = (run: Run) => run.events.flatMap((event) => event.settled ?? []);
const returned = (run: Run) => run.events.flatMap((event) => event.returned ?? []);

describe('a worker', () => {
  test('begins, runs and reports many attempts in few calls, each once and in order', async () => {
    await using run = await work({
      task: 'def run(n):\n    return n * 2',
      inputs: Array.from({ length: 300 }, (_, n) => [n]),
    });
    await run.until(isDone(run, 300));
    expect(outcomes(run).map(({ id, result }) => [id, result])).toEqual(
      Array.from({ length: 300 }, (_, n) => [`e${n}`, n * 2]),
    );
    expect(ids(run.of('begin'))).toEqual(Array.from({ length: 300 }, (_, n) => `e${n}`));
    expect(run.of('begin').length + run.of('complete').length).toBeLessThan(30);
    expect(outcomes(run)[7]).toMatchObject({ attempt: 1, capability: 'bound-e7', outcome: 'succeeded' });
    await run.until(() => settled(run).length === 300);
  });

  test('runs nothing that the app refuses, and the rest all the same', async () => {
    await using run = await work({
      task: 'def run(n):\n    return n',
      inputs: [[0], [1], [2], [3]],
      tell: ({ verb }, id) =>
        verb === 'begin' && ['e0', 'e2'].includes(id) ? { status: id === 'e0' ? 409 : 403 } : undefined,
    });
    await run.until(isDone(run, 2));
    expect(outcomes(run).map(({ id }) => id)).toEqual(['e1', 'e3']);
    await run.until(() => settled(run).length === 4);
    expect(run.events.flatMap((event) => event.begun ?? [])).toEqual(['j1', 'j3']);
  });

  test('asks later for what an answer had no room for', async () => {
    let asked = 0;
    await using run = await work({
      task: 'def run(n):\n    return n',
      inputs: [[0]],
      tell: ({ verb }) => (verb === 'begin' && ++asked === 1 ? { status: 503 } : undefined),
    });
    await run.until(isDone(run, 1));
    expect(run.of('begin')[0]?.body).toEqual(run.of('begin')[1]?.body);
  });

  test('asks again with the same nonces when an answer is lost, and is heard before user code runs', async () => {
    await using run = await work({
      task: 'def run(n):\n    return n',
      inputs: [[0]],
      reply: ({ verb }, count) => (verb === 'begin' && count === 1 ? 0 : undefined),
    });
    await run.until(isDone(run, 1));
    expect(run.of('begin')[1]?.body).toEqual(run.of('begin')[0]?.body);
    expect(run.heard.map(({ verb }) => verb)).toEqual(['begin', 'begin', 'beat', 'complete']);
  });

  test('gives each task its own context, and no task another one’s', async () => {
    const task = [
      'import mobula_driver',
      'def run(n):',
      '    mobula_driver.context().progress({"at": n})',
      '    return mobula_driver.context().id',
    ].join('\n');
    await using run = await work({ task, inputs: [[0], [1]] });
    await run.until(isDone(run, 2));
    expect(outcomes(run).map(({ result }) => result)).toEqual(['e0', 'e1']);
    expect(run.of('beat').flatMap(({ body }) => body.attempts)).toMatchObject([
      { progress: { at: 0 } },
      { progress: { at: 1 } },
    ]);
  });

  test('tells a failure as the driver does, whatever was raised, and goes on', async () => {
    const task =
      'import sys\ndef run(n):\n    if n == 0: raise ValueError("no")\n    if n == 1: sys.exit(3)\n    return object()';
    await using run = await work({ task, inputs: [[0], [1], [2]] });
    await run.until(isDone(run, 3));
    expect(outcomes(run).map(({ error }) => [error.type, error.message.slice(0, 18)])).toEqual([
      ['ValueError', 'no'],
      ['SystemExit', '3'],
      ['TypeError', 'The result is not '],
    ]);
    expect(outcomes(run)[0].error.traceback).not.toContain('mobula_');
  });

  test('has a large value kept by reference, past the others', async () => {
    await using run = await work({
      task: 'def run(n):\n    return "x" * n',
      inputs: [[3_000], [1]],
      begun: { inline_bytes: 2_000 },
    });
    await run.until(() => run.of('e0/complete').length === 1 && isDone(run, 1)());
    expect(run.of('e0/upload')[0]?.body).toMatchObject({ bytes: 3_002 });
    expect(run.of('e0/complete')[0]?.body).toMatchObject({ digest_only: { bytes: 3_002, reason: 'no store here' } });
    expect(outcomes(run).map(({ id }) => id)).toEqual(['e1']);
  });

  test('sends outcomes one by one where the app will not take them together', async () => {
    await using run = await work({
      task: 'def run(n):\n    return n',
      inputs: [[0], [1]],
      reply: ({ verb }) => (verb === 'complete' ? 413 : undefined),
    });
    await run.until(() => run.of('e0/complete').length + run.of('e1/complete').length === 2);
    expect(run.of('e1/complete')[0]?.body).toEqual({ outcome: 'succeeded', result: 1 });
  });

  test('hands back what waits behind a task that turns out to be slow', async () => {
    const task = 'import time\ndef run(n):\n    time.sleep(n)\n    return n';
    await using run = await work({ task, inputs: [...Array(30).fill([0.001]), [60], ...Array(5).fill([0.001])] });
    await run.until(
      () => returned(run).length + outcomes(run).filter(({ outcome }) => outcome === 'released').length === 5,
    );
    expect(outcomes(run).filter(({ outcome }) => outcome === 'succeeded')).toHaveLength(30);
    expect(settled(run)).not.toContain('j30');
  });
});

describe('a worker ends', () => {
  const sleep = 'import time\ndef run(n):\n    time.sleep(n)\n    return n';

  test('a task at its limit and itself with it, after handing back what lay behind', async () => {
    const quick = [0.001];
    await using run = await work({
      task: sleep,
      inputs: [...Array(30).fill(quick), [60], quick, quick],
      begun: { timeout_seconds: 0.5 },
    });
    expect(await run.ended).not.toBe(0);
    const [last] = run.of('e30/complete');
    expect(last?.body.error).toMatchObject({ type: 'TimedOut' });
    expect(last?.body.error.traceback).toContain('time.sleep(n)');
    const handedBack = outcomes(run).filter(({ outcome }) => outcome === 'released');
    expect(handedBack.map(({ id }) => id)).toEqual(['e31', 'e32']);
  });

  test('itself before the app gives its attempts to others, when nobody hears its beats', async () => {
    const from = Date.now();
    await using run = await work({
      task: sleep,
      inputs: [[60]],
      begun: { heartbeat_seconds: 0.2, silence_seconds: 2 },
      reply: ({ verb }) => (verb === 'beat' ? 503 : undefined),
    });
    expect(await run.ended).not.toBe(0);
    expect(Date.now() - from).toBeLessThan(5_000);
    expect(run.of('complete')).toEqual([]);
  });

  test('itself when the app says that what it runs is over', async () => {
    await using run = await work({
      task: sleep,
      inputs: [[60]],
      begun: { heartbeat_seconds: 0.2 },
      tell: ({ verb }) => (verb === 'beat' ? { status: 409 } : undefined),
    });
    expect(await run.ended).not.toBe(0);
    expect(run.of('complete')).toEqual([]);
  });

  test('no task that obeys a cancel, which it hears of by a beat', async () => {
    const task =
      'import mobula_driver, time\ndef run(n):\n    while not mobula_driver.context().cancelled: time.sleep(0.05)\n    return n';
    await using run = await work({
      task,
      inputs: [[0]],
      begun: { heartbeat_seconds: 0.2 },
      tell: ({ verb }) => (verb === 'beat' ? { status: 200, cancel: true } : undefined),
    });
    await run.until(isDone(run, 1));
    expect(outcomes(run)).toMatchObject([{ outcome: 'succeeded' }]);
  });
});

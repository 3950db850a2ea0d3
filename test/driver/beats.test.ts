import { describe, expect, test } from 'vitest';
import { drive, isAlive } from './drive.ts';

/** A task with a child process outside its group; it prints both process ids. */
const sleeper = [
  'import os, subprocess, sys, time, mobula_driver',
  'def run():',
  '    child = subprocess.Popen(["sleep", "60"], start_new_session=True)',
  '    near = subprocess.Popen(["sleep", "60"])',
  '    print("children", child.pid, near.pid, flush=True)',
  '    try:',
  '        time.sleep(60)',
  '    finally:',
  '        print("finally ran", flush=True)',
].join('\n');

const childrenOf = (log: string) => /children (\d+) (\d+)\n/.exec(log)?.slice(1).map(Number) ?? [];

describe.concurrent('beats', { timeout: 30_000 }, () => {
  test('come at every heartbeat, with nothing but news of progress in them', async () => {
    const task = 'import time\ndef run(): time.sleep(1.3)\n';
    await using run = await drive({
      files: { 'task.py': task },
      begun: { heartbeat_seconds: 0.4, silence_seconds: 5 },
    });

    expect((await run.ended).code).toBe(0);
    expect(run.of('beat').length).toBeGreaterThan(1);
    expect(new Set(run.of('beat').map(({ text }) => text))).toEqual(new Set(['{}']));
  });

  test('carry progress soon, at most once a second, and the last word before the outcome', async () => {
    const task = [
      'import time, mobula_driver',
      'def run():',
      '    for n in range(24):',
      '        mobula_driver.context().progress({"step": n})',
      '        time.sleep(0.1)',
    ].join('\n');
    await using run = await drive({ files: { 'task.py': task } });

    expect((await run.ended).code).toBe(0);
    const steps = run.of('beat').map(({ body }) => body.progress.step);
    expect(steps[0]).toBeLessThanOrEqual(1);
    expect(steps.at(-1)).toBe(23);
    expect(steps.length).toBeGreaterThanOrEqual(3);
    expect(steps.length).toBeLessThanOrEqual(3 + (run.of('complete')[0]!.at - run.of('begin')[0]!.at) / 1_000);
    expect(run.said.at(-1)!.verb).toBe('complete');
  });

  test('whose progress got lost carry it again', async () => {
    const task = 'import time, mobula_driver\ndef run():\n    mobula_driver.context().progress(1)\n    time.sleep(2)\n';
    const reply = ({ verb }: { verb: string }, count: number) =>
      verb === 'beat' && count === 1 ? ('drop' as const) : undefined;
    await using run = await drive({ files: { 'task.py': task }, reply });

    await run.ended;
    expect(run.of('beat').map(({ text }) => text)).toEqual(['{"progress":1}', '{"progress":1}']);
  });

  test('progress that is not JSON, or too long, is a ValueError of the task', async () => {
    const task = [
      'import mobula_driver',
      'def run():',
      '    names = []',
      '    for value in [object(), float("nan"), "\\0", "\\ud800", "x" * 4095]:',
      '        try: mobula_driver.context().progress(value)',
      '        except ValueError as error: names.append(type(error).__name__)',
      '    mobula_driver.context().progress("x" * 4094)',
      '    return len(names)',
    ].join('\n');
    await using run = await drive({ files: { 'task.py': task } });

    await run.ended;
    expect(run.of('complete')[0]!.body.result).toBe(5);
    expect(run.of('beat')[0]!.body.progress).toHaveLength(4094);
  });

  test('that are refused as stale end the driver and all it started, at once', async () => {
    const reply = ({ verb }: { verb: string }) => (verb === 'beat' ? { status: 409 } : undefined);
    await using run = await drive({ files: { 'task.py': sleeper }, begun: { heartbeat_seconds: 0.5 }, reply });

    expect(await run.ended).toEqual({ code: null, signal: 'SIGKILL' });
    expect(run.of('beat')).toHaveLength(1);
    expect(run.of('complete')).toEqual([]);
    expect(childrenOf(run.log())).toHaveLength(2);
    await run.until(() => !childrenOf(run.log()).some(isAlive));
    expect(run.log()).not.toContain('finally ran');
  });
});

describe.concurrent('silence', { timeout: 30_000 }, () => {
  const begun = { heartbeat_seconds: 0.3, silence_seconds: 10 };

  test.each([500, 401, 404])(
    'the driver ends itself and its children before the app may call it silent (%d)',
    async (status) => {
      const reply = ({ verb }: { verb: string }, count: number) =>
        verb === 'beat' && count > 1 ? { status } : undefined;
      await using run = await drive({ files: { 'task.py': sleeper }, begun, reply });

      expect((await run.ended).signal).toBe('SIGKILL');
      const heardAt = run.of('beat')[0]!.at;
      expect(Date.now() - heardAt).toBeGreaterThan(7_800);
      expect(Date.now() - heardAt).toBeLessThan(10_000);
      expect(run.of('complete')).toEqual([]);
      expect(childrenOf(run.log())).toHaveLength(2);
      await run.until(() => !childrenOf(run.log()).some(isAlive));
      expect(run.log()).toContain('mobula: no beat was accepted for 8 s, so this attempt is over.');
    },
  );

  test('an app that never answers does not keep the driver from ending itself', async () => {
    const reply = ({ verb }: { verb: string }) =>
      verb === 'beat' ? { headers: { 'content-length': '99' }, text: '{"cancel":' } : undefined;
    await using run = await drive({ files: { 'task.py': sleeper }, begun, reply });

    expect((await run.ended).signal).toBe('SIGKILL');
    expect(Date.now() - run.of('begin')[0]!.at).toBeLessThan(10_000);
  });

  test('a driver that was frozen says nothing when it thaws', async () => {
    const task = [
      'import time, mobula_driver',
      'def run():',
      '    print("running", flush=True)',
      '    while True:',
      '        mobula_driver.context().progress(time.time())',
      '        time.sleep(0.001)',
    ].join('\n');
    await using run = await drive({
      files: { 'task.py': task },
      begun: { heartbeat_seconds: 0.3, silence_seconds: 2 },
    });
    await run.until(() => run.of('beat').length > 1);

    process.kill(run.child.pid!, 'SIGSTOP');
    await new Promise((wake) => setTimeout(wake, 2_500));
    const before = run.said.length;
    process.kill(run.child.pid!, 'SIGCONT');

    expect((await run.ended).signal).toBe('SIGKILL');
    expect(run.said).toHaveLength(before);
  });

  test('beats that come through after failures keep the attempt alive', async () => {
    const task = 'import time\ndef run(): time.sleep(4)\n';
    const reply = ({ verb }: { verb: string }, count: number) =>
      verb === 'beat' && count % 3 !== 0 ? { status: 503 } : undefined;
    await using run = await drive({
      files: { 'task.py': task },
      begun: { heartbeat_seconds: 0.2, silence_seconds: 3 },
      reply,
    });

    expect((await run.ended).code).toBe(0);
  });
});

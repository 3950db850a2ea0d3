import { describe, expect, test } from 'vitest';
import { drive, isAlive, outcomeOf, type Said } from './drive.ts';

const polite = [
  'import time',
  'def run():',
  '    print("running", flush=True)',
  '    try:',
  '        time.sleep(60)',
  '    finally:',
  '        print("finally ran", flush=True)',
].join('\n');
const stubborn = [
  'import subprocess, time',
  'def run():',
  '    print("children", subprocess.Popen(["sleep", "60"]).pid, flush=True)',
  '    print("running", flush=True)',
  '    while True:',
  '        try: time.sleep(60)',
  '        except BaseException: pass',
].join('\n');

const childOf = (log: string) => Number(/child(?:ren)? (\d+)/.exec(log)![1]);
const cancelling = ({ verb }: Said) => (verb === 'beat' ? { json: { cancel: true } } : undefined);

describe.concurrent('cancel', { timeout: 40_000 }, () => {
  test('a task that looks is told, and returns', async () => {
    const task =
      'import time, mobula_driver\ndef run():\n    while not mobula_driver.context().cancelled: time.sleep(0.05)\n';
    await using run = await drive({ files: { 'task.py': task }, begun: { heartbeat_seconds: 0.3 }, reply: cancelling });

    expect((await run.ended).code).toBe(0);
    expect(run.of('complete')[0]!.body).toEqual({ outcome: 'cancelled' });
  });

  test('a task that does not look is ended after ten seconds, its finally blocks run', async () => {
    await using run = await drive({
      files: { 'task.py': polite },
      begun: { heartbeat_seconds: 0.3 },
      reply: cancelling,
    });

    expect((await run.ended).code).toBe(0);
    const toldAt = run.of('beat')[0]!.at;
    expect(run.of('complete')[0]!.at - toldAt).toBeGreaterThan(9_900);
    expect(run.of('complete')[0]!.at - toldAt).toBeLessThan(11_500);
    expect(run.of('complete')[0]!.body).toEqual({ outcome: 'cancelled' });
    expect(run.log()).toContain('finally ran');
  });

  test('a task that will not end is ended all the same, even if its outcome cannot be told', async () => {
    const reply = (said: Said) => (said.verb === 'complete' ? { status: 500 } : cancelling(said));
    await using run = await drive({ files: { 'task.py': stubborn }, begun: { heartbeat_seconds: 0.3 }, reply });

    expect((await run.ended).signal).toBe('SIGKILL');
    const lasted = Date.now() - run.of('beat')[0]!.at;
    expect(run.of('complete')[0]!.body).toEqual({ outcome: 'cancelled' });
    expect(lasted).toBeGreaterThan(14_900);
    expect(lasted).toBeLessThan(17_000);
    await run.until(() => !isAlive(childOf(run.log())));
  });
});

describe.concurrent('SIGTERM', { timeout: 30_000 }, () => {
  test('runs the finally blocks and is told as Terminated, well before Ray kills', async () => {
    await using run = await drive({ files: { 'task.py': polite } });
    await run.until(() => run.log().includes('running'));
    const stoppedAt = Date.now();
    process.kill(-run.child.pid!, 'SIGTERM');

    expect((await run.ended).code).toBe(1);
    expect(run.of('complete')[0]!.body).toMatchObject({ outcome: 'failed', error: { type: 'Terminated' } });
    expect(run.of('complete')[0]!.at - stoppedAt).toBeLessThan(1_500);
    expect(run.of('complete')[0]!.body.error.traceback).toContain('task.py');
    expect(run.log()).toContain('finally ran');
  });

  test('is told as cancelled when the cancel was seen', async () => {
    await using run = await drive({
      files: { 'task.py': polite },
      begun: { heartbeat_seconds: 0.3 },
      reply: cancelling,
    });
    await run.until(() => run.of('beat').length > 1);
    process.kill(-run.child.pid!, 'SIGTERM');

    expect((await run.ended).code).toBe(0);
    expect(run.of('complete')[0]!.body).toEqual({ outcome: 'cancelled' });
  });

  const asyncTask = [
    'import asyncio, time',
    'async def run():',
    '    asyncio.get_running_loop().call_later(0.1, lambda: (print("running", flush=True), time.sleep(60)))',
    '    try:',
    '        await asyncio.sleep(60)',
    '    finally:',
    '        print("finally ran", flush=True)',
  ].join('\n');
  const replaced = `import signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(15))\n${polite}`;
  test.each([
    ['reaches a coroutine', asyncTask],
    ["is known also where user code, as ray.init() does, put its own handler in the driver's place", replaced],
  ])('%s', async (_, task) => {
    await using run = await drive({ files: { 'task.py': task } });
    await run.until(() => run.log().includes('running'));
    process.kill(-run.child.pid!, 'SIGTERM');

    expect((await run.ended).code).toBe(1);
    expect(run.of('complete')[0]!.body.error.type).toBe('Terminated');
    expect(run.log()).toContain('finally ran');
  });

  test('that user code swallows is told by another thread within two seconds', async () => {
    await using run = await drive({ files: { 'task.py': stubborn } });
    await run.until(() => run.log().includes('running'));
    const stoppedAt = Date.now();
    process.kill(run.child.pid!, 'SIGTERM');

    expect((await run.ended).signal).toBe('SIGKILL');
    const [complete] = run.of('complete');
    expect(complete!.body.error).toMatchObject({ type: 'Terminated', traceback: expect.stringContaining('task.py') });
    expect(complete!.at - stoppedAt).toBeGreaterThan(1_900);
    expect(complete!.at - stoppedAt).toBeLessThan(2_800);
    await run.until(() => !isAlive(childOf(run.log())));
  });

  test('for a forked child is none for the driver', async () => {
    const task = [
      'import multiprocessing, time',
      'def run():',
      '    child = multiprocessing.get_context("fork").Process(target=time.sleep, args=[60])',
      '    child.start(); time.sleep(0.2); child.terminate(); child.join()',
      '    time.sleep(2.5)',
      '    return child.exitcode',
    ].join('\n');
    expect((await outcomeOf({ files: { 'task.py': task } })).body).toEqual({ outcome: 'succeeded', result: -15 });
  });
});

describe.concurrent('the time limit', { timeout: 30_000 }, () => {
  test('ends the task, its children, and says where it was', async () => {
    await using run = await drive({ files: { 'task.py': stubborn }, begun: { timeout_seconds: 1.2 } });

    expect((await run.ended).signal).toBe('SIGKILL');
    const [complete] = run.of('complete');
    expect(complete!.body.error).toMatchObject({ type: 'TimedOut', message: expect.stringContaining('1.2 s') });
    expect(complete!.body.error.traceback).toContain('task.py');
    expect(complete!.at - run.of('begin')[0]!.at).toBeGreaterThan(1_150);
    expect(complete!.at - run.of('begin')[0]!.at).toBeLessThan(2_000);
    await run.until(() => !isAlive(childOf(run.log())));
  });
});

describe.concurrent('complete', { timeout: 30_000 }, () => {
  const files = { 'task.py': 'def run(): return 1\n' };

  test('is repeated until the app answers, while beats go on', async () => {
    const reply = ({ verb }: Said, count: number) =>
      verb !== 'complete' || count > 2 ? undefined : count === 1 ? ('drop' as const) : { status: 500 };
    await using run = await drive({ files, begun: { heartbeat_seconds: 0.2 }, reply });

    expect((await run.ended).code).toBe(0);
    expect(run.of('complete').map(({ text }) => text)).toEqual(Array(3).fill('{"outcome":"succeeded","result":1}'));
    expect(run.of('beat').length).toBeGreaterThan(2);
  });

  test('that comes too late ends the driver quietly', async () => {
    const reply = ({ verb }: Said) => (verb === 'complete' ? { status: 409 } : undefined);
    await using run = await drive({ files, reply });

    expect((await run.ended).code).toBe(0);
    expect(run.of('complete')).toHaveLength(1);
    expect(run.log()).toBe('');
  });

  test('that is refused ends the driver with a line', async () => {
    const reply = ({ verb }: Said) => (verb === 'complete' ? { status: 403 } : undefined);
    await using run = await drive({ files, reply });

    expect((await run.ended).code).toBe(1);
    expect(run.log()).toBe('mobula: the outcome was refused with HTTP 403.\n');
  });

  test('whose answer got lost is not undone by the beats that then find the attempt over', async () => {
    const reply = ({ verb }: Said, count: number) =>
      verb === 'beat' ? { status: 409 } : verb === 'complete' && count < 3 ? ('drop' as const) : undefined;
    await using run = await drive({ files, begun: { heartbeat_seconds: 0.5 }, reply });

    expect(await run.ended).toEqual({ code: 0, signal: null });
    expect(run.of('beat')).toHaveLength(1);
    expect(run.of('complete')).toHaveLength(3);
  });

  test('lets exit hooks run, but no thread or child that the task left behind', async () => {
    const task = [
      'import atexit, subprocess, sys, threading, time',
      'def run():',
      '    atexit.register(lambda: print("hook ran"))',
      '    threading.Thread(target=time.sleep, args=[60]).start()',
      '    print("child", subprocess.Popen(["sleep", "60"], start_new_session=True).pid)',
    ].join('\n');
    await using run = await drive({ files: { 'task.py': task } });

    expect((await run.ended).code).toBe(0);
    expect(run.log()).toContain('hook ran');
    await run.until(() => !isAlive(childOf(run.log())));
  });
});

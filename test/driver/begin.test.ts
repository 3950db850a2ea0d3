import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { capability, drive } from './drive.ts';

/** A task that leaves a trace of having been imported. */
const files = { 'task.py': 'open("imported", "w").close()\ndef run(): return "ran"\n' };

describe.concurrent('begin', { timeout: 30_000 }, () => {
  test('a refused attempt ends quietly and never imports user code', async () => {
    await using run = await drive({ files, reply: () => ({ status: 409, json: { code: 'stale' } }) });

    expect(await run.ended).toEqual({ code: 0, signal: null });
    expect(run.said.map(({ verb }) => verb)).toEqual(['begin']);
    expect(existsSync(join(run.folder, 'imported'))).toBe(false);
    expect(run.log()).toBe('');
  });

  test.each([401, 403, 404, 422, 307])('an answer of %d ends the driver with one line and 1', async (status) => {
    const reply = () => ({ status, headers: { location: 'begin' } });
    await using run = await drive({ files, reply });

    expect((await run.ended).code).toBe(1);
    expect(run.said).toHaveLength(1);
    expect(run.log()).toBe(`mobula: begin was refused with HTTP ${status}.\n`);
    expect(existsSync(join(run.folder, 'imported'))).toBe(false);
  });

  test('a lost answer is asked for again with the same nonce, and the app hears us before user code runs', async () => {
    await using run = await drive({
      files,
      reply: ({ verb }, count) => (verb === 'begin' && count === 1 ? 'drop' : undefined),
    });

    expect((await run.ended).code).toBe(0);
    expect(run.said.map(({ verb }) => verb)).toEqual(['begin', 'begin', 'beat', 'complete']);
    const [first, again] = run.of('begin');
    expect(first!.body.nonce).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(again!.body).toEqual(first!.body);
  });

  test('an attempt that went to another while the answer was lost never imports user code', async () => {
    await using run = await drive({
      files,
      reply: ({ verb }, count) => (verb === 'beat' ? { status: 409 } : count === 1 ? 'drop' : undefined),
    });

    expect((await run.ended).code).toBe(0);
    expect(existsSync(join(run.folder, 'imported'))).toBe(false);
  });

  test('an app that is away is asked again, no sooner than it says', async () => {
    const away = { status: 503, headers: { 'retry-after': '2' } };
    await using run = await drive({
      files,
      reply: ({ verb }, count) => (verb === 'begin' && count === 1 ? away : undefined),
    });

    expect((await run.ended).code).toBe(0);
    const [first, again] = run.of('begin');
    expect(again!.at - first!.at).toBeGreaterThanOrEqual(1_950);
  });

  test('an answer that is not JSON did not come from the app', async () => {
    const page = { text: '<html>Log in to the network</html>' };
    await using run = await drive({
      files,
      reply: ({ verb }, count) => (verb === 'begin' && count === 1 ? page : undefined),
    });

    expect((await run.ended).code).toBe(0);
    expect(run.of('begin')).toHaveLength(2);
  });

  test('an app elsewhere is asked through the proxy that the environment names', async () => {
    await using run = await drive({ files, proxied: true });

    expect((await run.ended).code).toBe(0);
    expect(run.of('begin')[0]!.headers.host).toBe('app.invalid');
  });

  test('neither user code nor its children see the capability', async () => {
    const task = [
      'import json, os, subprocess, sys',
      'def run():',
      '    child = subprocess.check_output([sys.executable, "-c", "import os; print(dict(os.environ))"], text=True)',
      '    return [dict(os.environ), child]',
    ].join('\n');
    const config = {
      runtime_env: { env_vars: { MOBULA_CAPABILITY: capability, OTHER: 'kept' } },
      metadata: { a: 'b' },
    };
    await using run = await drive({
      files: { 'task.py': task },
      env: { RAY_JOB_CONFIG_JSON_ENV_VAR: JSON.stringify(config), MINE: 'too' },
    });

    expect((await run.ended).code).toBe(0);
    const [complete] = run.of('complete');
    expect(complete!.text).toContain('MINE');
    expect(complete!.text).toContain('kept');
    expect(complete!.text).not.toContain('MOBULA_CAPABILITY');
    expect(complete!.text).not.toContain(capability);
    expect(run.log()).not.toContain(capability);
  });

  test.each([
    ['MOBULA_ATTEMPT_URL', { MOBULA_ATTEMPT_URL: 'file:///etc/passwd' }],
    ['MOBULA_CAPABILITY', { MOBULA_CAPABILITY: '' }],
    ['MOBULA_CAPABILITY', { MOBULA_CAPABILITY: 'se\ncret' }],
  ])('a wrong %s is said without repeating it', async (name, env) => {
    await using run = await drive({ files, env });

    expect((await run.ended).code).toBe(1);
    expect(run.log()).toMatch(new RegExp(`^mobula: ${name} .*\\.\n$`));
    expect(run.log()).not.toMatch(/passwd|cret/);
    expect(run.said).toEqual([]);
  });

  test("a user's module that is named like one of Python's does not run inside the driver", async () => {
    const trap = 'open("imported", "w").close()\nraise SystemExit("shadowed")\n';
    await using run = await drive({
      files: { 'email/__init__.py': trap, 'queue.py': trap },
      reply: () => ({ status: 409 }),
    });

    expect((await run.ended).code).toBe(0);
    expect(existsSync(join(run.folder, 'imported'))).toBe(false);
  });
});

import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { type RayJobOptions, rayJobRunner } from '../../src/runners/ray-job.ts';
import { type RayTransport, rayTransport } from '../../src/runners/ray-transport.ts';
import { FakeRay } from '../support/fake-ray.ts';
import { oneByOne } from './one-by-one.ts';
import { probeAttempt } from './probe.ts';
import { anyPackage, openBench } from './ray-bench.ts';

describe('the address', () => {
  test.each(['', '/', '/behind/a/proxy', '/behind/a/proxy/'])('may end in %o', async (path) => {
    const ray = await FakeRay.start({ prefix: path.replace(/\/$/, '') });
    onTestFinished(() => ray.close());
    const runner = oneByOne(rayJobRunner({ address: new URL(path, ray.url).href, package: anyPackage }));
    expect(runner.cluster).toBe(ray.url);
    expect(await runner.start(probeAttempt())).toMatchObject({ kind: 'accepted' });
  });

  test('may carry credentials, which no name of the cluster shows', async () => {
    const { ray } = await openBench();
    const address = ray.url.replace('http://', 'http://ada:s%C3%A9same-ouvre-toi@');
    const runner = rayJobRunner({ address, package: anyPackage });
    expect(runner.cluster).toBe(ray.url);
    await runner.health();
    const basic = `Basic ${Buffer.from('ada:sésame-ouvre-toi').toString('base64')}`;
    expect(ray.ledger[0]?.headers).toMatchObject({ authorization: basic });
  });
});

describe('the token', () => {
  test('opens a Ray that wants one', async () => {
    const { ray } = await openBench({}, { token: 'the-right-token' });
    const outcome = async (token: string | null, headers: Record<string, string> = {}) => {
      const runner = oneByOne(rayJobRunner({ address: ray.url, package: anyPackage, token, headers }));
      const { jobId } = probeAttempt();
      return [(await runner.start(probeAttempt())).kind, (await runner.inspect(jobId)).kind];
    };
    expect(await outcome('the-right-token')).toEqual(['accepted', 'gone']);
    expect(await outcome('another-token')).toEqual(['unknown', 'denied']);
    expect(await outcome(null)).toEqual(['unknown', 'denied']);
  });

  test('gives way to the header of a proxy', async () => {
    const { ray, runner } = await openBench({
      token: 'ray-token',
      headers: { Authorization: 'Basic cHJveHk=', 'X-Team': 'a' },
    });
    await runner.start(probeAttempt());
    for (const { headers } of ray.ledger) {
      expect(headers).toMatchObject({
        authorization: 'Basic cHJveHk=',
        'x-ray-authorization': 'Bearer ray-token',
        'x-team': 'a',
      });
    }
  });

  test('goes nowhere but to the address, wherever that sends us', async () => {
    const thief = await FakeRay.start();
    onTestFinished(() => thief.close());
    const { ray, runner } = await openBench({ token: 'ray-token' });
    ray.redirectTo(thief.url);
    for (const call of ['version', 'submit', 'inspect', 'stop', 'remove'] as const) ray.next(call, 'redirect');
    await runner.start(probeAttempt());
    await runner.start(probeAttempt());
    await runner.inspect('mobula-a1');
    await runner.stop('mobula-a1');
    await runner.remove('mobula-a1');
    expect(thief.ledger).toEqual([]);
  });
});

describe('what a browser would send', () => {
  test('is sent by Node’s own fetch, so Ray refuses it', async () => {
    const { ray } = await openBench();
    expect((await fetch(`${ray.url}/api/jobs/`, { method: 'POST', body: '{}' })).status).toBe(405);
  });

  test('is not sent by our transport', async () => {
    const { ray, runner } = await openBench();
    const attempt = probeAttempt();
    await runner.start(attempt);
    await runner.stop(attempt.jobId);
    await runner.remove(attempt.jobId);
    const names = ray.ledger.flatMap(({ headers }) => Object.keys(headers));
    expect(names.filter((name) => /^(origin|referer|sec-|access-control-)/.test(name))).toEqual([]);
  });

  test('is left to workerd’s fetch where we run on workerd', async () => {
    vi.stubGlobal('navigator', { userAgent: 'Cloudflare-Workers' });
    onTestFinished(() => void vi.unstubAllGlobals());
    const { runner } = await openBench();
    // Here that fetch is Node's, so that a submission must be refused; the calls before it are GETs and pass.
    expect(await runner.start(probeAttempt())).toMatchObject({
      kind: 'unknown',
      message: expect.stringContaining('405'),
    });
  });
});

describe('a connection', () => {
  test('is kept and used again, and at most six of them are open', async () => {
    const { ray, runner } = await openBench();
    await runner.health();
    await Promise.all(Array.from({ length: 50 }, () => runner.stop('mobula-a1')));
    expect(ray.connections).toBeLessThanOrEqual(6);
  });

  test('that Ray closed while it was idle costs a question nothing', async () => {
    const { ray, runner } = await openBench();
    await runner.health();
    ray.next('inspect', 'drop');
    expect(await runner.inspect('mobula-a1')).toMatchObject({ kind: 'gone' });
    expect(ray.count('inspect')).toBe(2);
  });

  test('that Ray closed under a submission does not send it twice', async () => {
    const { ray, runner } = await openBench();
    await runner.start(probeAttempt());
    ray.next('submit', 'drop');
    expect(await runner.start(probeAttempt())).toMatchObject({ kind: 'unknown' });
    expect(ray.count('submit')).toBe(2);
  });
});

test('of an endless answer no more than 256 KiB are read', async () => {
  let bytes = 0;
  const real = rayTransport();
  const counting: RayTransport = async (url, request) => {
    const response = await real(url, request);
    const count = new TransformStream<Uint8Array, Uint8Array>({
      transform: (chunk, controller) => {
        bytes += chunk.length;
        controller.enqueue(chunk);
      },
    });
    return new Response(response.body?.pipeThrough(count) ?? null, { status: response.status });
  };
  const { ray, runner } = await openBench({ transport: counting });
  ray.next('inspect', 'endless');
  expect(await runner.inspect('mobula-a1')).toMatchObject({ message: expect.stringContaining('262144 bytes') });
  expect(bytes).toBeLessThan(262_144 + 3 * 65_536);
});

describe('no message holds a secret', () => {
  const canary = (name: string) => `canary-${name}/5f1d+0b`;
  const options: Partial<RayJobOptions> = {
    token: canary('token'),
    headers: {
      'CF-Access-Client-Secret': canary('header'),
      Cookie: `session=${canary('cookie')}; a=b`,
      Longer: `${canary('token')}-canary`,
    },
    runtimeEnv: {
      env_vars: { ODD: 'canary-odd-\ud800', DEPLOYMENT_PASSWORD: `"${canary('quoted')}"\n${canary('line')}` },
    },
  };
  const attempt = { ...probeAttempt({ TASK_PASSWORD: canary('task') }), capability: canary('capability') };

  test('where Ray quotes the submission in its traceback', async () => {
    const { ray, runner } = await openBench(options);
    ray.next('submit', 'quoteRequest');
    const answer = await runner.start(attempt);
    expect(answer).toMatchObject({ kind: 'unknown', message: expect.stringContaining('ValueError: could not read') });
    expect(JSON.stringify(answer)).not.toContain('canary');
  });

  test('where a job failed and its message shows its environment', async () => {
    const { ray, runner } = await openBench(options);
    await runner.start(attempt);
    const told = [
      ...Object.values(ray.accepted[0]?.runtime_env?.env_vars ?? {}),
      `Bearer ${options.token}`,
      ...Object.values(options.headers ?? {}),
      canary('cookie'),
    ];
    const message = `${told.join(' ')} ${JSON.stringify(told)} ${encodeURIComponent(canary('task'))} the end`;
    ray.setStatus(attempt.jobId, 'FAILED', { message, errorType: 'JOB_SUPERVISOR_ACTOR_DIED' });
    const sight = await runner.inspect(attempt.jobId);
    expect(sight).toHaveProperty('message', expect.stringMatching(/the end$/));
    expect(JSON.stringify(sight)).not.toContain('canary');
    expect(JSON.stringify(sight)).toContain(attempt.attemptUrl);
  });

  test('where the log shows the capability', async () => {
    const { ray, runner } = await openBench(options);
    await runner.start(attempt);
    ray.setStatus(attempt.jobId, 'RUNNING');
    ray.setLog(attempt.jobId, `got ${attempt.capability} and ${options.token}\n`);
    expect(await runner.logTail(attempt.jobId, 10)).toBe('got [redacted] and [redacted]\n');
  });

  test('where a transport quotes the headers it could not send', async () => {
    const transport: RayTransport = (_url, { headers }) =>
      Promise.reject(new Error(`invalid ${JSON.stringify(headers)} here`));
    const { runner } = await openBench({ ...options, transport });
    const said = JSON.stringify([
      await runner.start(attempt),
      await runner.inspect('mobula-a1'),
      await runner.health(),
    ]);
    expect(said).toContain('here.');
    expect(said).not.toContain('canary');
  });

  test('where nothing can be reached', async () => {
    const runner = oneByOne(
      rayJobRunner({
        address: 'http://u:canary-url-password@127.0.0.1:9/',
        package: anyPackage,
        ...options,
      }),
    );
    const said = JSON.stringify([
      await runner.start(attempt),
      await runner.inspect('mobula-a1'),
      await runner.health(),
    ]);
    expect(said).toContain('ECONNREFUSED');
    expect(said).not.toContain('canary');
  });
});

import { configure, connect, type Db, defineConfig, enqueue, getExecution, github, run, task } from 'mobula';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import * as z from 'zod';
import { useDatabase } from '../support/database.ts';

const note = task({ name: 'note', input: z.object({}), run: () => 'here' });

const database = useDatabase();
let db: Db;
beforeAll(() => {
  db = connect(database.url());
});
afterAll(() => db.close());
afterEach(() => {
  vi.unstubAllEnvs();
  configure(defineConfig({ tasks: [] }));
});

const maxAttemptsOf = async (): Promise<number> => {
  const { id } = await enqueue(db, note, {});
  return (await getExecution(db, id)).maxAttempts;
};

test('a setting comes from its default, then from the config, then from the environment', async () => {
  configure(defineConfig({ tasks: [note] }));
  expect(await maxAttemptsOf()).toBe(3);
  configure(defineConfig({ tasks: [note], maxTaskAttempts: 5 }));
  expect(await maxAttemptsOf()).toBe(5);
  vi.stubEnv('MOBULA_MAX_TASK_ATTEMPTS', '7');
  configure(defineConfig({ tasks: [note], maxTaskAttempts: 5 }));
  expect(await maxAttemptsOf()).toBe(7);
});

test.each(['', ' '])(
  'a blank in the environment is no setting, and leaves the config its word: `%s`',
  async (blank) => {
    vi.stubEnv('MOBULA_MAX_TASK_ATTEMPTS', blank);
    configure(defineConfig({ tasks: [note], maxTaskAttempts: 5 }));
    expect(await maxAttemptsOf()).toBe(5);
  },
);

test('a setting that is undefined in the config is none', async () => {
  // biome-ignore lint/suspicious/noExplicitAny: as JavaScript writes `publicUrl: process.env.SOMETHING`.
  configure(defineConfig({ tasks: [note], maxTaskAttempts: undefined, publicUrl: undefined } as any));
  expect(await maxAttemptsOf()).toBe(3);
});

test('settings are read once, when first needed', async () => {
  configure(defineConfig({ tasks: [note] }));
  expect(await maxAttemptsOf()).toBe(3);
  vi.stubEnv('MOBULA_MAX_TASK_ATTEMPTS', '7');
  expect(await maxAttemptsOf()).toBe(3);
});

test('lists, flags, null and objects may be written as such', async () => {
  const tasks = [note];
  configure(
    defineConfig({
      tasks,
      queues: ['mail', 'default'],
      queueTimeoutSeconds: null,
      rayRuntimeEnv: { pip: [] },
      allowInsecureRay: false,
    }),
  );
  const { id } = await enqueue(db, note, {});
  expect((await getExecution(db, id)).queue).toBe('mail');
});

test('a setting that is none is told with the name it might have been', async () => {
  // biome-ignore lint/suspicious/noExplicitAny: as JavaScript, or a typing hurry, writes it.
  configure(defineConfig({ tasks: [note], maxTaskAtempts: 5 } as any));
  await expect(enqueue(db, note, {})).rejects.toThrow(
    /MOBULA_MAX_TASK_ATEMPTS is not a setting; did you mean MOBULA_MAX_TASK_ATTEMPTS/,
  );
});

test('the secrets of who may call a served app are not the library’s business', async () => {
  vi.stubEnv('MOBULA_HOOK_GITHUB_SECRETS', 'short');
  vi.stubEnv('CRON_SECRET', 'short');
  vi.stubEnv('QSTASH_CURRENT_SIGNING_KEY', 'sig_without_a_public_url_0123456789');
  configure(defineConfig({ tasks: [note], hooks: { other: { task: note, verify: github(), input: () => ({}) } } }));
  const { id } = await enqueue(db, note, {});
  await run(db);
  expect(await getExecution(db, id)).toMatchObject({ state: 'SUCCEEDED' });
});

test('without a config the environment is enough to enqueue, and what is run has no task here', async () => {
  const { id } = await enqueue(db, note, {});
  await run(db);
  expect(await getExecution(db, id)).toMatchObject({ state: 'FAILED', error: expect.stringContaining('UnknownTask') });
});

test.each([
  ['two of one name', { tasks: [note, task({ name: 'note', input: z.object({}), run: () => 1 })] }],
  [
    'one for a queue that is not allowed',
    { tasks: [task({ name: 'q', input: z.object({}), queueName: 'other', run: () => 1 })] },
  ],
])('tasks that cannot be deployed together are refused: %s', async (_, config) => {
  configure(defineConfig(config));
  await expect(async () => run(db)).rejects.toMatchObject({ code: 'misconfigured' });
});

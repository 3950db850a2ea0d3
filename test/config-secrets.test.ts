import { bearer, github, qstash, standardWebhooks, task } from 'mobula';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { compose } from '../src/compose.ts';
import { parseSettings } from '../src/config.ts';
import type { Hooks } from '../src/core/hook.ts';
import { whsec } from './support/senders.ts';

type Env = Readonly<Record<string, string | undefined>>;

/** What a refusal says, line by line; empty where the settings are taken. */
function problemsOf(env: Env, hooks: Hooks = {}): string[] {
  try {
    parseSettings(env, [], hooks);
    return [];
  } catch (error) {
    return (error as Error).message.split('\n').slice(1);
  }
}

const secret = (name: string) => `${name}-${'0123456789abcdef'.repeat(2)}`;
const add = task({ name: 'add', input: z.object({}), run: () => 1 });
const input = () => ({});
const hooks: Hooks = {
  github: { task: add, verify: github(), input },
  'stripe-live': { task: add, verify: standardWebhooks(), input },
};
const hookSecrets = { MOBULA_HOOK_GITHUB_SECRETS: secret('g'), MOBULA_HOOK_STRIPE_LIVE_SECRETS: whsec(24) };

describe('a secret', () => {
  test.each(['MOBULA_SECRET', 'MOBULA_TRIGGER_TOKENS', 'MOBULA_ADMIN_TOKENS', 'CRON_SECRET'])(
    'shorter than 32 is refused: %s',
    (name) => {
      const problems = problemsOf({ [name]: 'a'.repeat(31) });
      expect(problems).toEqual([expect.stringMatching(new RegExp(`^- ${name} must have at least 32`))]);
      expect(problemsOf({ [name]: 'a'.repeat(32) })).toEqual([]);
    },
  );

  test.each([
    'changeme-changeme-changeme-changeme',
    'please-change-me-0123456789012345678',
    'your-secret-token-of-thirty-two-chars',
    '<the trigger token of 32 characters>',
    'example-token-0123456789-0123456789',
    '$(openssl rand -hex 32) 0123456789ab',
    'REPLACE_ME_0123456789_0123456789_01',
  ])('with the words of an example is refused by its name: %s', (sample) => {
    for (const name of ['MOBULA_SECRET', 'MOBULA_READ_TOKENS', 'CRON_SECRET']) {
      const problems = problemsOf({ [name]: sample });
      expect(problems).toEqual([expect.stringMatching(new RegExp(`^- ${name} has the words of an example`))]);
      expect(problems.join()).not.toContain(sample);
    }
  });

  test.each([
    ['MOBULA_TRIGGER_TOKENS', 'MOBULA_ADMIN_TOKENS'],
    ['MOBULA_READ_TOKENS', 'MOBULA_ADMIN_TOKENS'],
    ['MOBULA_SECRET', 'MOBULA_READ_TOKENS'],
    ['MOBULA_TRIGGER_TOKENS', 'CRON_SECRET'],
    ['MOBULA_ADMIN_TOKENS', 'MOBULA_HOOK_GITHUB_SECRETS'],
  ])('in common proves too much: %s and %s', (one, other) => {
    const env = { ...hookSecrets, [one]: `${secret('own')},${secret('shared')}`, [other]: secret('shared') };
    const problems = problemsOf(env, hooks);
    expect(problems).toEqual([`- ${one} and ${other} must not have a secret in common`]);
  });

  test('in common is allowed where it gives a caller several of the lesser scopes', () => {
    const shared = secret('shared');
    const env = { MOBULA_TRIGGER_TOKENS: shared, MOBULA_ENQUEUE_TOKENS: shared, MOBULA_READ_TOKENS: shared };
    expect(problemsOf(env)).toEqual([]);
  });

  test('of two hooks is not the same, or the one’s deliveries would be good for the other', () => {
    const both: Hooks = { one: { task: add, verify: github(), input }, two: { task: add, verify: bearer(), input } };
    const env = { MOBULA_HOOK_ONE_SECRETS: secret('x'), MOBULA_HOOK_TWO_SECRETS: secret('x') };
    expect(problemsOf(env, both)).toEqual([
      '- MOBULA_HOOK_ONE_SECRETS and MOBULA_HOOK_TWO_SECRETS must not have a secret in common',
    ]);
  });

  test('of QStash may be the trigger’s and a hook’s: it signs the address', () => {
    const env = {
      MOBULA_PUBLIC_URL: 'https://mobula.test',
      QSTASH_CURRENT_SIGNING_KEY: secret('sig'),
      QSTASH_NEXT_SIGNING_KEY: secret('sig'),
      MOBULA_HOOK_QUEUE_SECRETS: secret('sig'),
    };
    expect(problemsOf(env, { queue: { task: add, verify: qstash(), input } })).toEqual([]);
  });
});

describe('a trigger configured by halves', () => {
  test.each<[string, Env]>([
    ['MOBULA_OIDC_EMAILS is required with MOBULA_OIDC_AUDIENCE', { MOBULA_OIDC_AUDIENCE: 'https://a.test' }],
    ['MOBULA_OIDC_AUDIENCE is required with MOBULA_OIDC_EMAILS', { MOBULA_OIDC_EMAILS: 'a@b.test' }],
    ['MOBULA_OIDC_JWKS_URL is required with MOBULA_OIDC_ISSUER', { MOBULA_OIDC_ISSUER: 'https://issuer.test' }],
    ['MOBULA_OIDC_JWKS_URL must be https', { MOBULA_OIDC_JWKS_URL: 'http://issuer.test/keys' }],
    ['MOBULA_PUBLIC_URL is required with QSTASH_CURRENT_SIGNING_KEY', { QSTASH_CURRENT_SIGNING_KEY: secret('sig') }],
    ['QSTASH_CURRENT_SIGNING_KEY is required with QSTASH_NEXT_SIGNING_KEY', { QSTASH_NEXT_SIGNING_KEY: secret('sig') }],
  ])('is refused: %s', (problem, env) => {
    expect(problemsOf(env)).toEqual([expect.stringContaining(problem)]);
  });
});

describe('an origin', () => {
  test.each([
    '*',
    'null',
    'https://app.test/',
    'https://app.test/path',
    'app.test',
    'https://*.app.test',
    'ftp://app.test',
  ])('is one exactly, or refused: %s', (origin) => {
    expect(problemsOf({ MOBULA_CORS_ORIGINS: `https://ok.test,${origin}` })).toEqual([
      expect.stringMatching(/^- MOBULA_CORS_ORIGINS must be exact origins/),
    ]);
  });
});

describe('a hook', () => {
  test('has its secrets in a setting of its name', () => {
    expect(problemsOf(hookSecrets, hooks)).toEqual([]);
  });

  test('without secrets is refused, by the name of the setting', () => {
    expect(problemsOf({ MOBULA_HOOK_GITHUB_SECRETS: ' , ' }, hooks)).toEqual([
      '- MOBULA_HOOK_GITHUB_SECRETS is required by the hook github',
      '- MOBULA_HOOK_STRIPE_LIVE_SECRETS is required by the hook stripe-live',
    ]);
  });

  test.each([
    ['MOBULA_HOOK_GITHUB_SECRETS', 'too-short', 'must have at least 32 bytes'],
    ['MOBULA_HOOK_STRIPE_LIVE_SECRETS', secret('x'), 'must be `whsec_`'],
    ['MOBULA_HOOK_STRIPE_LIVE_SECRETS', whsec(23), 'must be `whsec_`'],
    ['MOBULA_HOOK_STRIPE_LIVE_SECRETS', whsec(65), 'must be `whsec_`'],
    ['MOBULA_HOOK_STRIPE_LIVE_SECRETS', `${whsec(24)},whsec_*`, 'must be `whsec_`'],
  ])('with a weak secret is refused: %s', (name, value, problem) => {
    const problems = problemsOf({ ...hookSecrets, [name]: value }, hooks);
    expect(problems).toEqual([expect.stringContaining(`${name} ${problem}`)]);
    expect(problems.join()).not.toContain(value);
  });

  test.each([
    ['MOBULA_HOOK_GITHBU_SECRETS', 'MOBULA_HOOK_GITHUB_SECRETS'],
    ['MOBULA_HOOK_STRIPE_SECRETS', 'MOBULA_HOOK_STRIPE_LIVE_SECRETS'],
    ['MOBULA_HOOK_GITHUB_SECRET', 'MOBULA_HOOK_GITHUB_SECRETS'],
  ])('that is not there is refused with the nearest name: %s', (name, nearest) => {
    expect(problemsOf({ ...hookSecrets, [name]: secret('x') }, hooks)).toEqual([
      `- ${name} is not a setting; did you mean ${nearest}?`,
    ]);
  });

  test.each(['GitHub', 'a_b', '-a', 'a--b', '', 'a/b', '__proto__x'])('is not named %j', (name) => {
    const problems = problemsOf({}, { [name]: { task: add, verify: github(), input } });
    expect(problems).toEqual([expect.stringContaining('must be named in lower case')]);
  });

  test('of QStash needs the address that QStash signs', () => {
    const queue: Hooks = { queue: { task: add, verify: qstash(), input } };
    expect(problemsOf({ MOBULA_HOOK_QUEUE_SECRETS: secret('sig') }, queue)).toEqual([
      '- MOBULA_PUBLIC_URL is required by the hook queue: its sender signs the address',
    ]);
  });

  test('enqueues a task of its deployment, or is refused', () => {
    const db = { execute: async () => [], transaction: async () => undefined as never, close: async () => {} };
    expect(() => compose({ tasks: [], hooks }, hookSecrets, { db })).toThrow(
      'the hook github names add, which is not among the tasks',
    );
    expect(compose({ tasks: [add], hooks }, hookSecrets, { db }).hooks.size).toBe(2);
  });
});

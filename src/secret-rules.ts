import type { Settings } from './settings.ts';

type Named = readonly [setting: string, secret: string];

const bearerSettings = [
  'MOBULA_TRIGGER_TOKENS',
  'MOBULA_ENQUEUE_TOKENS',
  'MOBULA_READ_TOKENS',
  'MOBULA_ADMIN_TOKENS',
] as const;

/** Words of somebody's example, which everybody can read. */
const sample = /change[-_ ]?me|replace[-_ ]?me|place[-_ ]?holder|your[-_ ]|example|insert[-_ ]|[<>]|openssl/i;

/**
 * What is wrong with secrets that are long enough: words out of an example, and one secret that proves two things, so that
 * whoever holds it for the lesser could do the greater. They are told by name, and never by value.
 */
export function secretProblems(settings: Settings, hookSecrets: readonly Named[]): string[] {
  const all = [...secretsIn(settings), ...hookSecrets];
  const samples = all.filter(([, secret]) => sample.test(secret)).map(([name]) => name);
  return [
    ...[...new Set(samples)].map(
      (name) => `${name} has the words of an example; \`openssl rand -hex 32\` makes a secret`,
    ),
    ...sharedBy(all).map(([one, other]) => `${one} and ${other} must not have a secret in common`),
  ];
}

const secretsIn = (settings: Settings): Named[] => [
  ...settings.MOBULA_SECRET.map((secret): Named => ['MOBULA_SECRET', secret]),
  ...bearerSettings.flatMap((name) => settings[name].map((token): Named => [name, token])),
  ...(['CRON_SECRET', 'QSTASH_CURRENT_SIGNING_KEY', 'QSTASH_NEXT_SIGNING_KEY'] as const).flatMap((name) =>
    settings[name] === undefined ? [] : [[name, settings[name]] as const],
  ),
];

/** Pairs of settings that share a secret, each once. */
function sharedBy(all: readonly Named[]): [string, string][] {
  const pairs = all.flatMap(([one, secret], index) =>
    all
      .slice(index + 1)
      .filter(([other, another]) => another === secret && mustDiffer(one, other))
      .map(([other]): [string, string] => [one, other]),
  );
  return [...new Map(pairs.map((pair) => [pair.join(), pair])).values()];
}

/** A caller may have one token for several of these scopes; the admin's opens more than all of them together. */
const mayBeOne = /^MOBULA_(TRIGGER|ENQUEUE|READ)_TOKENS$/;

/** Two of QStash's keys may be one, and a hook of QStash's may share them: they sign the very address. */
const mustDiffer = (one: string, other: string): boolean =>
  one !== other &&
  !(mayBeOne.test(one) && mayBeOne.test(other)) &&
  !(one.startsWith('QSTASH_') && /^(QSTASH|MOBULA_HOOK)_/.test(other));

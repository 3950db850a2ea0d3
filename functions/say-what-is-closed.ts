import type { Log } from '../src/core/observe.ts';
import type { Settings } from '../src/settings.ts';

/** Everything is closed until something is set, which is a surprise to meet without a word. */
export function sayWhatIsClosed(settings: Settings, log: Log): void {
  const doors = ['TRIGGER', 'ENQUEUE', 'READ', 'ADMIN'] as const;
  const closed = doors
    .filter((door) => settings[`MOBULA_${door}_TOKENS`].length === 0)
    .filter((door) => door !== 'TRIGGER' || !hasOtherTriggers(settings))
    .map((door) => `MOBULA_${door}_TOKENS`);
  if (closed.length > 0) log('warn', 'closed_by_default', { set: closed, why: 'calls of these scopes answer 401' });
  if (settings.MOBULA_SECRET.length === 0)
    log('warn', 'no_secret', { set: ['MOBULA_SECRET'], why: 'no status tokens' });
  if (settings.MOBULA_RESULT_STORAGE_BACKEND === 'digest') {
    const why = `of results over ${settings.MOBULA_MAX_RESULT_SIZE_BYTES} bytes only the digest is kept`;
    log('info', 'no_result_store', { set: ['MOBULA_RESULT_STORAGE_BACKEND'], why });
  }
}

const hasOtherTriggers = (settings: Settings): boolean =>
  settings.MOBULA_OIDC_AUDIENCE.length > 0 ||
  settings.CRON_SECRET !== undefined ||
  settings.QSTASH_CURRENT_SIGNING_KEY !== undefined;

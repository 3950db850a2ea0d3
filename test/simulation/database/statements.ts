/** The statements of the product, told apart by what only they say. */
const marks = {
  claim: /insert into mobula\.invocations[\s\S]*order by c\.priority desc/,
  readInput: /^\s*select i\.input from mobula\.inputs/,
  claimOne: /f\.state as found_state/,
  finish: /as f\(id, attempt, epoch, nonce, final/,
  enqueue: /insert into mobula\.executions/,
  joinJobs: /set shared_job = j/,
  recordSubmissions: /set ray_session = s\.session/,
  begin: /set nonce = /,
  beat: /set beat_at = /,
  progress: /set progress = /,
  cancel: /then 'CANCELLING' else 'CANCELLED'/,
  retry: /m\.id is not null as moved/,
  reset: /order by e\.finished_at limit [\s\S]*select count\(\*\) from moved/,
  purge: /delete from mobula\.executions/,
  expire: /set state = 'EXPIRED'/,
  promote: /set ready = true from due/,
  survey: /with recursive lane/,
  takeChecks: /extract\(epoch from mobula\.clock\(\) - e\.claimed_at\)/,
  takeLapsed: /with dead as materialized/,
  planChecks: /as c\(id, epoch, after, ended, session\)/,
  renewLease: /update mobula\.invocations set lease_until/,
  dropDeadLeases: /delete from mobula\.invocations i where i\.lease_until <=/,
  dropLease: /delete from mobula\.invocations i/,
  registerObject: /insert into mobula\.result_objects/,
  markObjects: /update mobula\.result_objects o set removing_at/,
  findKey: /as settled|purged, settled/,
  pointKey: /update mobula\.idempotency_keys set execution_ids/,
  findHolder: /and e\.unique_key = /,
  find: /as observed_at from/,
  findHeld: /where e\.holder = \$1 and/,
  findEnded: /a\.error is not distinct from f\.error/,
  findCancelling: /and state = 'CANCELLING'$/,
  findDriven: /select 'RUNNING' from mobula\.executions/,
  openCapacity: /into mobula\.capacity \(runner, cluster\)/,
  openBreaker: /into mobula\.capacity \(runner, cluster, away_until\)/,
  isRegistered: /select 1 from mobula\.result_objects/,
  takeRayRecords: /update mobula\.attempts a set ray_record_until = mobula/,
  forgetRayRecords: /update mobula\.attempts a set ray_record_until = null/,
  forgetObjects: /delete from mobula\.result_objects/,
} as const satisfies Record<string, RegExp>;

export type StatementName = keyof typeof marks | 'other';

const known = new Map<string, StatementName>();

/** Which statement a text is; `other` are those that no window and no mutation asks for. */
export function nameOf(text: string): StatementName {
  const found = known.get(text) ?? find(text);
  known.set(text, found);
  return found;
}

const find = (text: string): StatementName =>
  (Object.keys(marks) as (keyof typeof marks)[]).find((name) => marks[name].test(text)) ?? 'other';

import { currentCall } from '../clockwork/process.ts';
import { inStatement, type Mutation } from './mutation.ts';

const skips = /for no key update( of e)? skip locked/;

/** What a statement may leave out: a fence, a lock, a state, a count. */
export const mutationsOfStatements: readonly Mutation[] = [
  {
    name: 'the clock of the process instead of the database',
    statement: (_, text, { scheduler, skewMs }) => {
      const now = new Date(scheduler.nowMs() + skewMs(currentCall()!.process));
      return text.replaceAll('mobula.clock()', `'${now.toISOString()}'::timestamptz`);
    },
  },
  {
    name: 'finish by id alone',
    statement: inStatement(
      'finish',
      /and e\.attempt = f\.attempt and[\s\S]*?num_nonnulls\(f\.epoch, f\.nonce\) > 0/,
      '',
    ),
  },
  {
    name: 'finish without the epoch',
    statement: inStatement('finish', /\(f\.epoch is null or e\.epoch = f\.epoch\) and/, ''),
  },
  {
    name: 'begin does not end older verdicts',
    statement: inStatement('begin', 'then e.epoch + 1 else e.epoch end', 'then e.epoch else e.epoch end'),
  },
  {
    name: 'begin lets any driver in',
    statement: inStatement('begin', /and \(e\.nonce is null or e\.nonce = \$\d+\)/, ''),
  },
  {
    name: 'begin after a cancel',
    statement: inStatement('begin', "e.state = 'RUNNING'", "e.state in ('RUNNING', 'CANCELLED')"),
  },
  {
    // The place alone tells as well: a row that another claim has taken lies elsewhere.
    name: 'claim without lock, by id',
    statement: (name, text) =>
      name === 'claim'
        ? text.replace(skips, '').replace('e.ctid = any(array(select place', 'e.id = any(array(select id')
        : text,
  },
  {
    name: 'claim without counting under a lock',
    statement: inStatement('claim', / for update\s*\),\s*candidates/, '), candidates'),
  },
  {
    name: 'a cancel that counts below nothing',
    statement: inStatement('cancel', 'greatest(0, c.running - 1)', 'c.running - 1'),
  },
  {
    name: 'cancel overwrites a final state',
    statement: inStatement('cancel', "f.state in ('QUEUED', 'RUNNING')", "f.state not in ('CANCELLING', 'CANCELLED')"),
  },
  {
    name: 'a completion wins over a cancel',
    statement: inStatement('finish', "when e.state = 'CANCELLING' then 'CANCELLED'", ''),
  },
  {
    name: 'purge takes what runs',
    statement: inStatement('purge', 'e.finished_at is not null', "e.state <> 'QUEUED'"),
  },
  {
    name: 'retry takes what succeeded',
    statement: inStatement(['retry', 'reset'], "f.state in ('FAILED'", "f.state in ('SUCCEEDED', 'FAILED'"),
  },
  {
    name: 'a start that never began uses up an attempt',
    statement: inStatement('finish', 'case when f.unbegun and', 'case when false and'),
  },
  {
    name: 'a slot is never given back',
    statement: inStatement('finish', 'set running = c.running - d.count', 'set running = c.running'),
  },
  {
    name: 'a version that stands still',
    statement: inStatement('finish', 'version = e.version + 1', 'version = e.version'),
  },
  {
    name: 'a shared job that its rows do not know',
    statement: inStatement('joinJobs', 'set shared_job = j.shared_job', 'set shared_job = null'),
  },
  {
    name: 'the lease of the living is taken',
    statement: inStatement('takeLapsed', 'where lease_until <=', 'where lease_until is not null or lease_until <='),
  },
  {
    name: 'a lease that lapses before its holder thinks so',
    statement: inStatement(
      ['renewLease', 'claim', 'claimOne'],
      /(lease_until\)\s+select \$\d+, mobula\.clock\(\)|set lease_until = mobula\.clock\(\)) \+/,
      '$1 + 0.5 *',
    ),
  },
  {
    name: 'an idempotency key that is not looked at',
    statement: inStatement('enqueue', '(key) do nothing', '(key) do update set key = excluded.key'),
  },
  {
    name: 'an attempt that nobody looks after',
    statement: inStatement(
      'recordSubmissions',
      /check_at = mobula\.clock\(\) \+/,
      "check_at = timestamptz 'infinity' +",
    ),
  },
];

import type { RayRequest, RayTransport } from '../../../src/runners/ray-transport.ts';
import { isTerminal } from '../../support/fake-ray/job-book.ts';
import type { Reply } from '../../support/fake-ray/rest.ts';
import { currentCall, kill, never, type Process } from '../clockwork/process.ts';
import type { Sighting } from '../ledger.ts';
import { obligationsOf } from '../windows/obligations.ts';
import { isOngoing, type World } from '../world.ts';
import { lineOf } from './job-line.ts';
import { type RayTrouble, rollTrouble } from './ray-trouble.ts';

/** How the app reaches the simulated Ray: the real wire code above it, the weather below. */
export const simulatedTransport =
  (world: World): RayTransport =>
  (url, request) => {
    const { process, number } = currentCall()!;
    if (process.diedAtMs !== null) return never();
    const { dice, scheduler, weather } = world;
    const ask = readAsk(url, request);
    const dies = dice.chance(weather.appDies * (ask.verb === 'submit' ? 3 : 1))
      ? dice.pick(['before', 'after'] as const)
      : null;
    if (dies === 'before') {
      kill(process, `before it asks Ray to ${ask.verb}`);
      return never();
    }
    if (ask.verb === 'submit') noteSent(world, ask);
    const trouble = troubleOf(world, ask);
    const isSlow = dice.chance(weather.rayCallSlow * exposure[ask.verb]);
    const outMs = isSlow ? dice.between(50, 20_000) : dice.between(1, 40);
    return new Promise((resolve, reject) => {
      request.signal.addEventListener('abort', () => reject(request.signal.reason));
      scheduler.after(outMs, () => {
        const reply = arrive(world, ask, trouble, process);
        noteAnswer(world, ask, { trouble, number });
        if (dies === 'after') return kill(process, `after it asked Ray to ${ask.verb}`);
        if (trouble?.hangs) return;
        const answer = () => (reply ? resolve(toResponse(reply)) : reject(new Error('The connection was closed.')));
        scheduler.after(dice.between(1, 40), answer, process);
      });
    });
  };

interface Ask {
  readonly verb: 'submit' | 'inspect' | 'stop' | 'remove' | 'other';
  readonly method: string;
  readonly path: string;
  readonly body: string;
  readonly jobId: string;
}

function readAsk(url: string, { method, body }: RayRequest): Ask {
  const path = new URL(url).pathname;
  const text = typeof body === 'string' ? body : '';
  const [, id = '', stop] = /^\/api\/jobs\/([^/]+)(\/stop)?$/.exec(path) ?? [];
  const of = (verb: Ask['verb'], jobId = id): Ask => ({ verb, method, path, body: text, jobId });
  if (path === '/api/jobs/') return of('submit', JSON.parse(text).submission_id);
  if (id === '') return of('other');
  if (stop) return of('stop');
  return of(method === 'DELETE' ? 'remove' : 'inspect');
}

/** A trouble where it matters: calls that only prepare would keep the others from happening. */
const exposure: Readonly<Record<Ask['verb'], number>> = {
  submit: 1,
  inspect: 0.6,
  stop: 0.6,
  remove: 0.6,
  other: 0.015,
};

/** What is wrong with this one call: the cluster as a whole, or the call alone. */
function troubleOf(world: World, ask: Ask): RayTrouble | null {
  if (isOngoing(world, 'ray_unreachable')) return { name: 'unreachable', takes: false, reply: null };
  if (isOngoing(world, 'ray_denies'))
    return { name: 'denied', takes: false, reply: { status: 401, text: 'Unauthorized' } };
  if (isOngoing(world, 'ray_store_away') && ask.path !== '/api/version') return storeAway(ask);
  return world.dice.chance(world.weather.rayCallTrouble * exposure[ask.verb])
    ? rollTrouble(world.dice, ask.verb === 'submit')
    : null;
}

/** The dashboard without its store answers as if it knew no job. */
function storeAway({ verb, path, jobId }: Ask): RayTrouble {
  const name = 'store away';
  if (path === '/api/gcs_healthz') return { name, takes: false, reply: { status: 503, text: 'unhealthy' } };
  if (verb === 'inspect') return { name, takes: false, reply: { status: 404, text: `Job ${jobId} does not exist` } };
  return { name, takes: false, reply: { status: 500, text: 'GcsRpcError' } };
}

function arrive(world: World, ask: Ask, trouble: RayTrouble | null, asker: Process): Reply | null {
  if (trouble) world.trace(`Ray is asked to ${ask.verb} ${ask.jobId.slice(-8)}: ${trouble.name}`);
  if (trouble?.makesGhost) world.ray.makeGhost(ask.body);
  if (trouble && !trouble.takes) return trouble.reply;
  const before = world.ray.book.jobs.size;
  const reply = world.ray.answer(ask.method, ask.path, ask.body);
  if (ask.verb !== 'other') world.trace(`Ray is asked to ${ask.verb} ${ask.jobId.slice(-8)}: ${reply.status}`);
  if (world.ray.book.jobs.size > before) noteTaken(world, ask.jobId, { trouble, asker });
  return trouble ? trouble.reply : reply;
}

function noteSent(world: World, { jobId, body }: Ask): void {
  const { process } = currentCall()!;
  for (const { ownJobId } of lineOf(JSON.parse(body))) obligationsOf(process).unsent.delete(ownJobId);
  const senders = world.senders.get(jobId) ?? new Set();
  if (senders.size > 0 && !senders.has(process)) world.hit('W5d');
  world.senders.set(jobId, senders.add(process));
}

function noteTaken(
  world: World,
  jobId: string,
  { trouble, asker }: { trouble: RayTrouble | null; asker: Process },
): void {
  if (trouble) world.hit('W5b');
  if (asker.diedAtMs === null) obligationsOf(asker).unrecorded.add(jobId);
  else world.hit('W6');
}

/** What was said is for the ledger: a verdict must not rest on what Ray never said. */
function noteAnswer(world: World, ask: Ask, { trouble, number }: { trouble: RayTrouble | null; number: number }): void {
  const job = world.ray.book.jobs.get(ask.jobId);
  if (ask.verb === 'submit' && trouble && !trouble.takes) world.hit(trouble.makesGhost ? 'W5c' : 'W5a');
  if (ask.verb !== 'submit' && trouble) world.hit('W8b');
  if (ask.verb !== 'inspect') return;
  const said = (): Sighting['said'] => {
    if (trouble) return 'nothing_clear';
    if (!job) return 'no_such_job';
    if (isTerminal(job)) return 'over';
    return job.status === 'PENDING' ? 'pending' : 'running';
  };
  world.ledger.sightings.push({ call: number, jobId: ask.jobId, said: said(), step: world.scheduler.step() });
}

/** All of a Response that the wire code looks at, without its streams. */
const toResponse = ({ status, text }: Reply): Response =>
  ({ status, body: [new TextEncoder().encode(text)] }) as unknown as Response;

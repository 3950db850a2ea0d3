import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { gatewayKey, gatewaySigner } from '../../src/runners/gateway-signature.ts';
import { testSecret } from '../support/engine.ts';

const python = process.env['MOBULA_TEST_PYTHON'] ?? 'python3';
const sources = join(import.meta.dirname, '../../infra/ray');

/** A dispatcher whose chunks are carried out by `Hands`, as a test says; `answer(…)` is what the test gets to see. */
const frame = `
import asyncio, json, sys
from mobula_gateway.dispatcher import Dispatcher
from mobula_gateway.item import read_item
import mobula_gateway.dispatcher as module

module.PAUSE_SECONDS = 0.01
given = json.loads(sys.argv[1])

def item(n, **more):
    said = dict(job=f"j{n}", id=f"e{n}", attempt=1, url=f"http://app/attempts/e{n}/1", capability="c", callable="m:f")
    return read_item({**said, **more})

class Hands:
    def __init__(self, carry):
        self.carry, self.chunks, self.alone, self.cancelled = carry, [], [], []
    async def run(self, items):
        self.chunks.append([one.job for one in items])
        async for event in self.carry(items, len(self.chunks)):
            yield event
    async def run_alone(self, one):
        self.alone.append((one.job, dict(one.options)))
        yield {"settled": [one.job]}
    async def cancel(self, job, worker, stubborn):
        self.cancelled.append((job, worker, stubborn))

def answer(value):
    print(json.dumps(value))
`;

/** Runs a Python story and answers what it saw. */
async function tell(story: string, given: unknown = null) {
  const env = { PATH: process.env['PATH'], PYTHONPATH: sources, PYTHONDONTWRITEBYTECODE: '1' };
  const { stdout } = await promisify(execFile)(python, ['-c', `${frame}\n${story}`, JSON.stringify(given)], { env });
  return JSON.parse(stdout);
}

test('a callable of unknown length comes alone, a quick one by the hundred', async () => {
  const chunks = await tell(`
async def carry(items, _):
    yield {"settled": [one.job for one in items], "pace": {"m:f": [len(items), 0.001 * len(items)]}}

async def story():
    hands = Hands(carry)
    dispatcher = Dispatcher(hands, 2)
    dispatcher.take([item(n) for n in range(800)])
    await asyncio.sleep(0.2)
    answer([len(chunk) for chunk in hands.chunks])

asyncio.run(story())`);
  expect(chunks.slice(0, 2)).toEqual([1, 1]);
  expect(Math.max(...chunks)).toBeGreaterThan(300);
  expect(chunks.reduce((sum: number, count: number) => sum + count)).toBe(800);
});

test('what asks Ray for something of its own goes alone, one CPU or less is nothing of its own', async () => {
  const [chunks, alone] = await tell(`
async def carry(items, _):
    yield {"settled": [one.job for one in items]}

async def story():
    hands = Hands(carry)
    Dispatcher(hands, 4).take([item(1, num_gpus=1), item(2, num_cpus=1), item(3, num_cpus=2)])
    await asyncio.sleep(0.1)
    answer([hands.chunks, hands.alone])

asyncio.run(story())`);
  expect(chunks).toEqual([['j2']]);
  expect(alone).toEqual([
    ['j1', { num_gpus: 1 }],
    ['j3', { num_cpus: 2 }],
  ]);
});

test('an attempt is taken once, and its id for no other', async () => {
  expect(
    await tell(`
async def carry(items, _):
    await asyncio.sleep(60)
    yield {}

async def story():
    dispatcher = Dispatcher(Hands(carry), 1)
    first = dispatcher.take([item(1), item(1), item(2), None])
    again = dispatcher.take([item(1), item(1, url="http://app/attempts/e1/2")])
    answer([first, again, [dispatcher.ledger.sight(f"j{n}") for n in (1, 2, 3)]])

asyncio.run(story())`),
  ).toEqual([
    ['accepted', 'accepted', 'accepted', 'refused'],
    ['accepted', 'refused'],
    ['running', 'pending', 'gone'],
  ]);
});

test('after a worker’s death what had begun is known to have failed, and the rest goes on elsewhere', async () => {
  expect(
    await tell(`
async def carry(items, nth):
    if nth == 1:
        yield {"begun": ["j1", "j2"]}
        yield {"settled": ["j2"]}
        raise RuntimeError("the process died")
    yield {"settled": [one.job for one in items]}

async def story():
    hands = Hands(carry)
    dispatcher = Dispatcher(hands, 1)
    dispatcher._pace.note("m:f", 1, 0.001)
    dispatcher.take([item(1), item(2), item(3)])
    await asyncio.sleep(0.2)
    answer([[dispatcher.ledger.sight(f"j{n}") for n in (1, 2, 3)], hands.chunks])

asyncio.run(story())`),
  ).toEqual([
    ['failed', 'gone', 'gone'],
    [['j1', 'j2', 'j3'], ['j3']],
  ]);
});

test('what the app refuses is forgotten, and what comes back is first in line', async () => {
  const [sights, chunks] = await tell(`
async def carry(items, nth):
    if nth == 1:
        yield {"settled": ["j1"], "returned": ["j2"]}
    await asyncio.sleep(60)

async def story():
    hands = Hands(carry)
    dispatcher = Dispatcher(hands, 1)
    dispatcher._pace.note("m:f", 1, 0.4)
    dispatcher.take([item(n) for n in (1, 2, 3, 4)])
    await asyncio.sleep(0.1)
    answer([[dispatcher.ledger.sight(f"j{n}") for n in (1, 2, 3)], [one.job for one in dispatcher.ledger.waiting()]])

asyncio.run(story())`);
  expect(sights).toEqual(['gone', 'pending', 'pending']);
  expect(chunks).toEqual(['j2', 'j3', 'j4']);
});

test('a cancel drops what waits, and asks the worker that has the rest; in the end it is told to be firm', async () => {
  const [sights, cancelled] = await tell(`
async def carry(items, nth):
    yield {"worker": "w1"}
    await asyncio.sleep(60)

async def story():
    hands = Hands(carry)
    dispatcher = Dispatcher(hands, 1)
    dispatcher.take([item(1), item(2)])
    await asyncio.sleep(0.05)
    await dispatcher.cancel("j2")
    await dispatcher.cancel("j1")
    module.STUBBORN_SECONDS = 0.0
    await dispatcher.cancel("j1")
    await dispatcher.cancel("nobody")
    answer([[dispatcher.ledger.sight("j1"), dispatcher.ledger.sight("j2")], hands.cancelled])

asyncio.run(story())`);
  expect(sights).toEqual(['running', 'gone']);
  expect(cancelled).toEqual([
    ['j1', 'w1', false],
    ['j1', 'w1', true],
  ]);
});

test('what was to be ended and ended with its process is not started again', async () => {
  const [sight, started] = await tell(`
async def story():
    hands = Hands(None)
    ended = asyncio.Event()
    async def run_alone(one):
        hands.alone.append(one.job)
        await ended.wait()
        raise RuntimeError("the task was cancelled")
        yield {}
    hands.run_alone = run_alone
    dispatcher = Dispatcher(hands, 1)
    dispatcher.take([item(1, num_cpus=1000)])
    await asyncio.sleep(0.02)
    await dispatcher.cancel("j1")
    ended.set()
    await asyncio.sleep(0.1)
    answer([dispatcher.ledger.sight("j1"), hands.alone])

asyncio.run(story())`);
  expect([sight, started]).toEqual(['gone', ['j1']]);
});

test('the door opens to the app’s signature alone: of this body and path, by a key it knows, not long ago', async () => {
  const body = '{"jobs":["j1"]}';
  const sign = (at = Date.now(), secret = testSecret) => gatewaySigner(secret, () => at)('/sights', body);
  const minutes = (n: number) => Date.now() + n * 60_000;
  const headers = await Promise.all([
    sign(),
    sign(minutes(-4)),
    sign(minutes(-6)),
    sign(minutes(6)),
    sign(Date.now(), 'another-secret-of-the-tests-0123456789-01234'),
  ]);
  const signatures = headers.map((header) => header['x-mobula-signature'] ?? '');
  const keys = [await gatewayKey('a-later-secret-of-the-tests-0123456789-0123'), await gatewayKey(testSecret)];
  const statuses = await tell(
    `
from mobula_gateway.door import Door

async def carry(items, nth):
    yield {}

async def story():
    door = Door(Dispatcher(Hands(carry), 1), given["keys"], "2.58.0")
    good, body = given["signatures"][0], given["body"].encode()
    async def status(method, path, signature, body):
        return (await door.answer(method, path, signature, body))[0]
    answer({
        "signed": [await status("POST", "/sights", one, body) for one in given["signatures"]],
        "others": [
            await status("POST", "/sights", good, body + b" "),
            await status("POST", "/cancel", good, body),
            await status("GET", "/sights", good, body),
            await status("POST", "/sights", "", body),
            await status("POST", "/sights", "v1,٣,x", body),
            await status("POST", "/sights", "v1," + "9" * 400 + ",x", body),
        ],
    })

asyncio.run(story())`,
    { keys, signatures, body },
  );
  expect(statuses).toEqual({ signed: [200, 200, 401, 401, 401], others: [401, 401, 405, 401, 401, 401] });
});

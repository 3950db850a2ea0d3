"""The Serve application: one dispatcher, which is the ingress, and the workers."""

from __future__ import annotations

import asyncio
import queue
from typing import Any, AsyncIterator, Iterator, Optional, Sequence

import ray
from ray import serve
from starlette.requests import Request
from starlette.responses import JSONResponse

from mobula_gateway.chunk import Event
from mobula_gateway.dispatcher import Dispatcher
from mobula_gateway.door import Door
from mobula_gateway.item import Item
from mobula_gateway.worker import Worker

SERVE_NAMESPACE = "serve"
DRAIN_SECONDS = 10.0


@serve.deployment(name="Workers", max_ongoing_requests=2)
class Workers:
    """A process for small tasks. It has two chunks at a time, so that the next one is there when the first is done."""

    def __init__(self) -> None:
        self._worker = Worker()
        self._name = ray.get_runtime_context().get_actor_name()

    async def run(self, items: Sequence[Item]) -> AsyncIterator[Event]:
        loop = asyncio.get_running_loop()
        events: asyncio.Queue[Optional[Event]] = asyncio.Queue()
        chunk = self._worker.take(items, lambda event: loop.call_soon_threadsafe(events.put_nowait, event))
        try:
            yield {"worker": self._name}
            while (event := await events.get()) is not None:
                yield event
        finally:
            self._worker.abandon(chunk)

    async def cancel(self, job: str) -> None:
        self._worker.cancel(job)

    async def __del__(self) -> None:
        self._worker.close(DRAIN_SECONDS)


_alone: Optional[Worker] = None


@ray.remote(max_retries=0, num_returns="streaming")
def run_alone(item: Item) -> Iterator[Event]:
    """Runs an attempt with what it asks of Ray for itself.

    It is cancelled by Ray only before it is known to have started. A cancel that comes just then interrupts the wait below,
    and the app is asked, as Ray calls cancelled what still runs.
    """
    global _alone
    _alone = _alone or Worker()
    said: queue.SimpleQueue[Optional[Event]] = queue.SimpleQueue()
    _alone.take([item], said.put)
    yield {}
    while True:
        try:
            event = said.get(timeout=0.5)
        except queue.Empty:
            continue
        except KeyboardInterrupt:
            _alone.cancel(item.job)
            continue
        if event is None:
            break
        yield event
    _alone.close(DRAIN_SECONDS)


class RayHands:
    """Carries work out on the cluster."""

    def __init__(self, workers: Any) -> None:
        self._workers = workers
        self._alone: dict[str, Any] = {}
        self._started: set[str] = set()

    async def run(self, items: Sequence[Item]) -> AsyncIterator[Event]:
        async for event in self._workers.options(method_name="run", stream=True).remote(list(items)):
            yield event

    async def run_alone(self, item: Item) -> AsyncIterator[Event]:
        self._alone[item.job] = run_alone.options(**_options(item)).remote(item)
        try:
            async for event in self._alone[item.job]:
                self._started.add(item.job)
                yield await event
        finally:
            self._alone.pop(item.job, None)
            self._started.discard(item.job)

    async def cancel(self, job: str, worker: Optional[str], stubborn: bool) -> None:
        if events := self._alone.get(job):
            # One that runs hears of it with its next beat.
            if stubborn or job not in self._started:
                ray.cancel(events, force=stubborn)
        elif worker and stubborn:
            ray.kill(ray.get_actor(worker, namespace=SERVE_NAMESPACE))
        elif worker:
            self._workers.broadcast("cancel", job)


def _options(item: Item) -> dict[str, Any]:
    options = dict(item.options)
    own = options.get("runtime_env")
    if own and "py_modules" in own:
        # Those of a task replace ours, and ours are among them.
        ours = ray.get_runtime_context().runtime_env.get("py_modules", [])
        options["runtime_env"] = {**own, "py_modules": [*own["py_modules"], *ours]}
    return options


@serve.deployment(name="Gateway", num_replicas=1, max_ongoing_requests=1_000, ray_actor_options={"num_cpus": 0})
class Gateway:
    """The ingress. It holds what waits in memory, and may die: the app sends again what nobody knows."""

    def __init__(self, workers: Any, keys: list[str], chunks_max: int) -> None:
        self._door = Door(Dispatcher(RayHands(workers), chunks_max), keys, ray.__version__)

    async def __call__(self, request: Request) -> JSONResponse:
        path = request.url.path.removeprefix(request.scope.get("root_path", ""))
        body = await request.body()
        signature = request.headers.get("x-mobula-signature", "")
        status, said = await self._door.answer(request.method, path, signature, body)
        return JSONResponse(said, status_code=status)


def build(args: dict[str, Any]) -> serve.Application:
    """The application as `mobula gateway deploy` asks for it."""
    least, most = int(args["workers_min"]), int(args["workers_max"])
    workers = Workers.options(
        autoscaling_config={"min_replicas": least, "max_replicas": most, "target_ongoing_requests": 1},
        ray_actor_options={"num_cpus": float(args["worker_cpus"])},
        graceful_shutdown_timeout_s=float(args["drain_seconds"]),
    )
    return Gateway.bind(workers.bind(), list(args["keys"]), 2 * most)

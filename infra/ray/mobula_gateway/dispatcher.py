"""Hands attempts out to workers, in chunks of about a second of work."""

from __future__ import annotations

import asyncio
import logging
import time
from itertools import islice
from typing import Any, AsyncIterator, Iterable, Mapping, Optional, Protocol, Sequence

from mobula_gateway.item import Item
from mobula_gateway.ledger import Ledger
from mobula_gateway.pace import Pace

CHUNK_SECONDS = 1.0
CHUNK_MAX = 1_000
STUBBORN_SECONDS = 20.0
PAUSE_SECONDS = 1.0
logger = logging.getLogger("ray.serve")

Event = Mapping[str, Any]


class Hands(Protocol):
    """Whoever carries work out."""

    def run(self, items: Sequence[Item]) -> AsyncIterator[Event]:
        """Runs a chunk one after another on a shared process, and tells how it goes; raises where that process died."""

    def run_alone(self, item: Item) -> AsyncIterator[Event]:
        """Runs one with what it asks of Ray, likewise."""

    async def cancel(self, job: str, worker: Optional[str], stubborn: bool) -> None:
        """Has the worker ask the app about the attempt at once; a stubborn one is killed."""


class Dispatcher:
    """Keeps `chunks_max` chunks out; what waits beyond them waits here, where it can be taken back."""

    def __init__(self, hands: Hands, chunks_max: int) -> None:
        self.ledger = Ledger()
        self._hands = hands
        self._chunks_max = chunks_max
        self._chunks = 0
        self._pace = Pace()
        self._tasks: set[asyncio.Task[None]] = set()
        self._workers: dict[str, str] = {}
        self._asked: dict[str, float] = {}

    def take(self, items: Sequence[Optional[Item]]) -> list[str]:
        """Takes attempts, each by its own answer, and sees to it that they run."""
        answers = ["refused" if item is None else self.ledger.take(item) for item in items]
        self._pump()
        return answers

    async def cancel(self, job: str) -> None:
        """Has an attempt ended: at once if nobody has it, else by its worker, and in the end with its worker."""
        if self.ledger.drop_waiting(job) or self.ledger.find_out(job) is None:
            return
        asked_at = self._asked.setdefault(job, time.monotonic())
        stubborn = time.monotonic() - asked_at > STUBBORN_SECONDS
        await self._hands.cancel(job, self._workers.get(job), stubborn)

    def _pump(self) -> None:
        while items := self._next_chunk():
            alone = bool(items[0].options)
            self._chunks += not alone
            task = asyncio.get_running_loop().create_task(self._carry(items, alone))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _next_chunk(self) -> list[Item]:
        first = next(iter(self.ledger.waiting()), None)
        if first is None:
            return []
        if first.options:
            return self.ledger.hand_out(1)
        if self._chunks >= self._chunks_max:
            return []
        return self.ledger.hand_out(max(1, self._pace.fitting(self._alike(), CHUNK_SECONDS)))

    def _alike(self) -> Iterable[str]:
        """The first in line that can share a process, no more of them than leave some for every worker."""
        fair = max(1, min(CHUNK_MAX, -(-self.ledger.count_waiting() // self._chunks_max)))
        for item in islice(self.ledger.waiting(), fair):
            if item.options:
                return
            yield item.callable

    async def _carry(self, items: list[Item], alone: bool) -> None:
        died = False
        try:
            async for event in self._hands.run_alone(items[0]) if alone else self._hands.run(items):
                self._hear(items, event)
        except Exception as error:  # The process or its node is gone, or Serve could not reach any.
            died = True
            logger.warning("mobula: %d attempts lost their worker: %s", len(items), type(error).__name__)
        finally:
            if died:
                self.ledger.lose(items, unwanted=self._asked)
            self.ledger.give_back(items)
            self._forget(items)
        self._chunks -= not alone
        if died:
            await asyncio.sleep(PAUSE_SECONDS)
        self._pump()

    def _hear(self, items: list[Item], event: Event) -> None:
        if "worker" in event:
            self._workers.update((item.job, event["worker"]) for item in items)
        self.ledger.note_begun(event.get("begun", ()))
        self.ledger.settle(event.get("settled", ()))
        if returned := set(event.get("returned", ())):
            self.ledger.give_back([item for item in items if item.job in returned])
            self._pump()
        for callable, (count, seconds) in event.get("pace", {}).items():
            self._pace.note(callable, count, seconds)

    def _forget(self, items: list[Item]) -> None:
        for item in items:
            self._workers.pop(item.job, None)
            self._asked.pop(item.job, None)

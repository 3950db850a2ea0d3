"""Which attempts the dispatcher holds, and where each of them is."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from typing import Container, Iterable, Optional

from mobula_gateway.item import Item

HELD_MAX = 20_000
FAILED_MAX = 20_000
FAILED_SECONDS = 3_600.0


class Ledger:
    """Waiting attempts in their order, those handed out, and those whose worker died on them. In memory alone."""

    def __init__(self) -> None:
        self._waiting: OrderedDict[str, Item] = OrderedDict()
        self._out: dict[str, Item] = {}
        self._failed: OrderedDict[str, float] = OrderedDict()
        self._begun: set[str] = set()

    def take(self, item: Item) -> str:
        """Takes an attempt once, however often it is brought: `accepted`, `refused` (the id is another's) or `full`."""
        held = self._waiting.get(item.job) or self._out.get(item.job)
        if held is not None:
            return "accepted" if held.url == item.url else "refused"
        if len(self._waiting) + len(self._out) >= HELD_MAX:
            return "full"
        self._failed.pop(item.job, None)
        self._waiting[item.job] = item
        return "accepted"

    def sight(self, job: str) -> str:
        if job in self._waiting:
            return "pending"
        if job in self._out:
            return "running"
        return "failed" if job in self._failed else "gone"

    def waiting(self) -> Iterable[Item]:
        return self._waiting.values()

    def count_waiting(self) -> int:
        return len(self._waiting)

    def hand_out(self, count: int) -> list[Item]:
        items = [self._waiting.popitem(last=False)[1] for _ in range(min(count, len(self._waiting)))]
        self._out.update((item.job, item) for item in items)
        return items

    def drop_waiting(self, job: str) -> bool:
        """Forgets one that nobody has been handed."""
        return self._waiting.pop(job, None) is not None

    def settle(self, jobs: Iterable[str]) -> None:
        """These are over, and what they came to is on its way to the app."""
        for job in jobs:
            self._out.pop(job, None)
            self._begun.discard(job)

    def note_begun(self, jobs: Iterable[str]) -> None:
        """These have begun where they were handed to."""
        self._begun.update(job for job in jobs if job in self._out)

    def fail(self, jobs: Iterable[str]) -> None:
        """Their process died, and they with it: this is remembered for an hour, as the app will ask."""
        now = time.monotonic()
        for job in list(jobs):
            self.settle([job])
            self._failed[job] = now
        while self._failed and (len(self._failed) > FAILED_MAX or self._oldest() < now - FAILED_SECONDS):
            self._failed.popitem(last=False)

    def give_back(self, items: Iterable[Item]) -> None:
        """Puts those that are still out first in line again."""
        for item in reversed([item for item in items if self._out.pop(item.job, None)]):
            self._begun.discard(item.job)
            self._waiting[item.job] = item
            self._waiting.move_to_end(item.job, last=False)

    def lose(self, items: Iterable[Item], unwanted: Container[str]) -> None:
        """Their process died: what had begun there failed, and of the rest the unwanted is forgotten.

        What had begun without our knowing is refused where it is tried next: its silence tells the app.
        """
        jobs = [item.job for item in items]
        self.fail(job for job in jobs if job in self._begun)
        self.settle(job for job in jobs if job in unwanted)

    def _oldest(self) -> float:
        return next(iter(self._failed.values()))

    def find_out(self, job: str) -> Optional[Item]:
        return self._out.get(job)

"""Attempts that were handed to a worker together, and what it says of them."""

from __future__ import annotations

import threading
import time
from typing import Any, Callable, Mapping, Sequence

from mobula_gateway.entry import Entry
from mobula_gateway.item import Item

SAY_SECONDS = 0.1

Event = Mapping[str, Any]


class Chunk:
    """Tells by `say` how its attempts get on, a few times a second, and `None` when none of them is left here."""

    def __init__(self, items: Sequence[Item], say: Callable[[Event | None], None]) -> None:
        now = time.monotonic()
        self.entries = [Entry(item, self, now) for item in items]
        self._say = say
        self._left = {item.job for item in items}
        self._said_at = now
        self._news: dict[str, list[str]] = {}
        self._pace: dict[str, tuple[int, float]] = {}
        self._lock = threading.Lock()
        if not items:
            say(None)

    def ran(self, entry: Entry, seconds: float) -> None:
        """User code has ended; the outcome is on its way."""
        count, spent = self._pace.get(entry.item.callable, (0, 0.0))
        self._pace[entry.item.callable] = (count + 1, spent + seconds)
        self.over("settled", [entry])

    def begun(self, entries: Sequence[Entry]) -> None:
        """These have begun, and are lost if this process is."""
        with self._lock:
            self._say({"begun": [entry.item.job for entry in entries]})

    def over(self, how: str, entries: Sequence[Entry]) -> None:
        """These have left: `settled`, or `returned` for others to begin."""
        with self._lock:
            jobs = [entry.item.job for entry in entries if entry.item.job in self._left]
            self._left.difference_update(jobs)
            self._news.setdefault(how, []).extend(jobs)
            now = time.monotonic()
            if self._left and how == "settled" and now < self._said_at + SAY_SECONDS:
                return
            self._said_at = now
            self._say({**self._news, "pace": self._pace})
            self._news, self._pace = {}, {}
            if not self._left:
                self._say(None)

"""What a worker has before it: attempts that wait, that have begun, the one that runs, and outcomes to report."""

from __future__ import annotations

import sys
import threading
import time
from collections import deque
from itertools import islice
from typing import Callable, Iterable, Optional, Sequence

from mobula_driver.outcome import Outcome
from mobula_gateway.chunk import Chunk, Event
from mobula_gateway.entry import Entry
from mobula_gateway.item import Item
from mobula_gateway.pace import Pace

AHEAD_SECONDS = 0.25
BEGIN_MAX = 250
UNREPORTED_MAX = 2_000


class Desk:
    """The state that a worker's threads share; `changed` guards all of it.

    Begun attempts are lost with the process, so no more of them lie here than it will start within a quarter of a second;
    one whose length is unknown, or long, begins only when nothing else does.
    """

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.waiting: deque[Entry] = deque()
        self.begun: deque[Entry] = deque()
        self.running: Optional[Entry] = None
        self.outbox: deque[tuple[Entry, Outcome]] = deque()
        self.unreported: dict[str, Entry] = {}
        self.beat_wanted = False
        self.pace = Pace()
        self._beginning = 0
        if hasattr(sys, "set_int_max_str_digits"):
            sys.set_int_max_str_digits(0)  # An input may hold an integer of any length.

    def take(self, items: Sequence[Item], say: Callable[[Optional[Event]], None]) -> Chunk:
        """Puts attempts in line; `say` is told how they get on."""
        chunk = Chunk(items, say)
        with self.changed:
            self.waiting.extend(chunk.entries)
            self.changed.notify_all()
        return chunk

    def next_to_begin(self) -> list[Entry]:
        """Waits until attempts should begin, and takes them out of the line: all of one app."""
        with self.changed:
            self.changed.wait_for(lambda: self._count_to_begin() > 0)
            entries = [self.waiting.popleft() for _ in range(self._count_to_begin())]
            app = entries[0].item.app
            others = [entry for entry in entries if entry.item.app != app]
            self.waiting.extendleft(reversed(others))
            self._beginning = len(entries) - len(others)
            return [entry for entry in entries if entry.item.app == app]

    def have_begun(self, begun: Iterable[Entry], later: Sequence[Entry]) -> None:
        with self.changed:
            self._beginning = 0
            self.begun.extend(begun)
            self.waiting.extendleft(reversed(later))
            self.changed.notify_all()

    def next_to_run(self) -> Entry:
        with self.changed:
            self.changed.wait_for(lambda: self.begun and len(self.unreported) < UNREPORTED_MAX)
            self.running = self.begun.popleft()
            self.running.started_at = time.monotonic()
            self.changed.notify_all()
            return self.running

    def report(self, entry: Entry, outcome: Outcome) -> None:
        """Has an outcome told to the app; one that was running is no more."""
        with self.changed:
            if entry is self.running:
                self.running = None
            self.unreported[entry.item.job] = entry
            self.outbox.append((entry, outcome))
            self.changed.notify_all()

    def reported(self, entries: Iterable[Entry]) -> None:
        with self.changed:
            for entry in entries:
                self.unreported.pop(entry.item.job, None)
            self.changed.notify_all()

    def withdraw(self, entry: Entry) -> bool:
        """Takes a begun attempt back before it runs; False where it is too late."""
        with self.changed:
            if entry not in self.begun:
                return False
            self.begun.remove(entry)
            return True

    def take_begun(self) -> list[Entry]:
        with self.changed:
            entries = list(self.begun)
            self.begun.clear()
            return entries

    def take_waiting(self, isso: Callable[[Entry], bool]) -> list[Entry]:
        with self.changed:
            entries = [entry for entry in self.waiting if isso(entry)]
            self.waiting = deque(entry for entry in self.waiting if not isso(entry))
            return entries

    def open(self) -> list[Entry]:
        """All that have begun and are not reported: what the app must hear of."""
        with self.changed:
            return [*self.unreported.values(), *([self.running] if self.running else []), *self.begun]

    def want_beat(self) -> None:
        with self.changed:
            self.beat_wanted = True
            self.changed.notify_all()

    def _count_to_begin(self) -> int:
        if not self.waiting or self._beginning:
            return 0
        ahead = sum(self.pace.of(entry.item.callable) for entry in self.begun)
        idle = not self.begun and not self.running
        if not idle and ahead > AHEAD_SECONDS / 2:
            return 0
        nearest = (entry.item.callable for entry in islice(self.waiting, BEGIN_MAX))
        fitting = self.pace.fitting(nearest, AHEAD_SECONDS - ahead)
        return max(1, fitting) if idle else fitting

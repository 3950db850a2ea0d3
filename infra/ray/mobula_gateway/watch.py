"""The thread that watches the clock for a worker: the fence, the time limit, the ends of patience, and the line behind."""

from __future__ import annotations

import threading
import time
from typing import Callable, Sequence

from mobula_driver.deliver import deliver
from mobula_driver.end import end_group, say
from mobula_driver.fence import now
from mobula_driver.outcome import Outcome, cancelled, released, timed_out
from mobula_gateway.courier import Courier
from mobula_gateway.desk import Desk
from mobula_gateway.entry import Entry

LOOK_SECONDS = 0.1
PATIENT_SECONDS = 1.0
CANCEL_SECONDS = 10.0
FAREWELL_SECONDS = 5.0


class Watch(threading.Thread):
    """Ends what does not end by itself, and gives back what waits behind it."""

    def __init__(self, desk: Desk, runner: threading.Thread, courier: Courier) -> None:
        super().__init__(name="mobula-watch", daemon=True)
        self._desk = desk
        self._runner = runner
        self._courier = courier

    def run(self) -> None:
        try:
            while True:
                time.sleep(LOOK_SECONDS)
                self._look()
        except BaseException as error:  # Without a watch the fence is a promise nobody keeps.
            end_group(f"the watch failed with {type(error).__name__}: {error}")

    def _look(self) -> None:
        for entry in self._desk.open():
            if entry.attempt:
                entry.attempt.fence.check()
        running = self._desk.running
        if running is None:
            return
        age = time.monotonic() - running.started_at
        if age > PATIENT_SECONDS:
            self._hand_back()
        self._look_at_limit(running, age)
        self._look_at_cancel(running)

    def _hand_back(self) -> None:
        """What runs turned out to be slow: others are free to run what waits behind it."""
        self._release(self._desk.take_begun())
        long_ago = time.monotonic() - PATIENT_SECONDS
        for entry in self._desk.take_waiting(lambda entry: entry.taken_at < long_ago):
            entry.chunk.over("returned", [entry])

    def _release(self, entries: Sequence[Entry]) -> None:
        for entry in entries:
            self._desk.report(entry, released)
            entry.chunk.over("settled", [entry])

    def _look_at_limit(self, running: Entry, age: float) -> None:
        # From the moment it started: it may have begun a little before, behind others.
        limit = running.attempt.begun.timeout_seconds if running.attempt else None
        if limit is not None and age >= limit:
            self._end_with(running, lambda: timed_out(limit, self._runner))

    def _look_at_cancel(self, running: Entry) -> None:
        cancelled_at = running.attempt.cancelled_at if running.attempt else None
        if cancelled_at is not None and now() >= cancelled_at + CANCEL_SECONDS:
            self._end_with(running, lambda: cancelled)

    def _end_with(self, running: Entry, outcome: Callable[[], Outcome]) -> None:
        """Reports while user code still runs, then ends both. In another thread, because this one must not wait."""
        if running.attempt and running.attempt.decide():
            threading.Thread(target=self._end, args=[running, outcome()], name="mobula-end", daemon=True).start()

    def _end(self, running: Entry, outcome: Outcome) -> None:
        say(f"the task has to end.\n{outcome.story}".rstrip())
        self._release(self._desk.take_begun())
        if running.attempt:
            deliver(running.attempt, outcome)
        self._courier.drain(FAREWELL_SECONDS)
        end_group("the task was ended")

"""Telling the app that the attempts of this process live, and hearing which are to stop."""

from __future__ import annotations

import threading
import time

from mobula_driver.end import end_group
from mobula_driver.fence import now
from mobula_driver.outcome import cancelled
from mobula_driver.wire import Unreachable, backoff
from mobula_gateway import calls
from mobula_gateway.desk import Desk
from mobula_gateway.entry import Entry

PER_CALL = 500
PROGRESS_SECONDS = 1.0


class Pulse(threading.Thread):
    """Beats for all that have begun every `heartbeat_seconds`, for news of progress within one, and when asked to."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(name="mobula-beats", daemon=True)
        self._desk = desk
        self._beat_at = 0.0

    def run(self) -> None:
        failures = 0
        try:
            while True:
                self._wait(backoff(failures) if failures else 0.0)
                failures = 0 if self._beat_all() else failures + 1
        except BaseException as error:
            end_group(f"beating failed with {type(error).__name__}: {error}")

    def _wait(self, pause: float) -> None:
        time.sleep(pause)
        self._beat_at = time.monotonic()
        while not pause:
            entries = self._desk.open()
            heartbeat = min((e.attempt.begun.heartbeat_seconds for e in entries if e.attempt), default=60.0)
            news = any(entry.progress is not None for entry in entries)
            left = self._beat_at + (min(PROGRESS_SECONDS, heartbeat) if news else heartbeat) - time.monotonic()
            with self._desk.changed:
                if self._desk.beat_wanted or left <= 0:
                    self._desk.beat_wanted = False
                    return
                self._desk.changed.wait_for(lambda: self._desk.beat_wanted, min(left, 0.5))

    def _beat_all(self) -> bool:
        entries = self._desk.open()
        for at in range(0, len(entries), PER_CALL):
            part = entries[at : at + PER_CALL]
            try:
                answers = calls.beat(part)
            except Unreachable:
                return False
            for entry, answer in zip(part, answers):
                self._heed(entry, answer)
        return True

    def _heed(self, entry: Entry, answer: dict[str, object]) -> None:
        attempt = entry.attempt
        if attempt is None or attempt.returned:
            return  # Its outcome is on its way; a 409 may be the echo of it.
        if answer["status"] == 409:
            if self._desk.withdraw(entry):
                entry.chunk.over("settled", [entry])
            elif entry is self._desk.running and not attempt.returned:
                end_group("this attempt is over for the app")
        if answer.get("cancel") is True and attempt.cancelled_at is None:
            attempt.cancelled_at = now()
            if self._desk.withdraw(entry):
                self._desk.report(entry, cancelled)
                entry.chunk.over("settled", [entry])

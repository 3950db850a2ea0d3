"""Reporting outcomes to the app, many at once."""

from __future__ import annotations

import threading
import time
from itertools import count
from typing import Sequence

from mobula_driver.deliver import deliver, is_large, word_of
from mobula_driver.end import end_group, say
from mobula_driver.outcome import Outcome
from mobula_driver.wire import Unreachable, backoff
from mobula_gateway import calls
from mobula_gateway.desk import Desk
from mobula_gateway.entry import Entry

GATHER_SECONDS = 0.05
GATHER_MAX = 500
GATHER_BYTES = 1_048_576


class Courier(threading.Thread):
    """Gathers outcomes for a moment and sends them together, again and again until the app has answered.

    What cannot be said before the fence is up ends the process, as the attempts are the app's again by then.
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__(name="mobula-report", daemon=True)
        self._desk = desk

    def run(self) -> None:
        try:
            while True:
                self._send(self._gather())
        except BaseException as error:
            end_group(f"reporting failed with {type(error).__name__}: {error}")

    def drain(self, seconds: float) -> None:
        with self._desk.changed:
            self._desk.changed.wait_for(lambda: not self._desk.unreported, seconds)

    def _gather(self) -> list[tuple[Entry, Outcome]]:
        desk = self._desk
        with desk.changed:
            desk.changed.wait_for(lambda: desk.outbox)
            until = time.monotonic() + GATHER_SECONDS
            while len(desk.outbox) < GATHER_MAX and desk.changed.wait_for(
                lambda: len(desk.outbox) >= GATHER_MAX, until - time.monotonic()
            ):
                pass
            gathered: list[tuple[Entry, Outcome]] = []
            size = 0
            while desk.outbox and len(gathered) < GATHER_MAX:
                size += len(desk.outbox[0][1].text)
                if gathered and size > GATHER_BYTES:
                    break
                gathered.append(desk.outbox.popleft())
            return gathered

    def _send(self, gathered: list[tuple[Entry, Outcome]]) -> None:
        together = []
        for entry, outcome in gathered:
            if entry.attempt and (is_large(entry.attempt, outcome) or len(outcome.text) > GATHER_BYTES):
                self._send_alone(entry, outcome)
            else:
                together.append((entry, outcome))
        if together:
            self._send_together([entry for entry, _ in together], [outcome for _, outcome in together])

    def _send_together(self, entries: Sequence[Entry], outcomes: Sequence[Outcome]) -> None:
        words = [word_of(outcome) for outcome in outcomes]
        for failures in count(1):
            try:
                news = [entry for entry in entries if entry.progress is not None]
                if news:
                    calls.beat(news)
                answers = calls.complete(entries, words)
                break
            except calls.Refused:
                answers = [{"status": 422}] * len(entries)  # One of them is to blame, and each alone tells which.
                break
            except Unreachable:
                time.sleep(min(2.0, backoff(failures)))
        over = []
        for entry, outcome, answer in zip(entries, outcomes, answers):
            if answer["status"] in (200, 409):
                over.append(entry)
            else:
                self._send_alone(entry, outcome)  # The app does not take it as it is: the driver knows what to say instead.
        self._desk.reported(over)

    def _send_alone(self, entry: Entry, outcome: Outcome) -> None:
        """In a thread of its own: an upload takes its time."""

        def send() -> None:
            if entry.attempt:
                deliver(entry.attempt, outcome)
            self._desk.reported([entry])

        if outcome.kind == "released":
            say("an attempt could not be handed back.")
            self._desk.reported([entry])
        else:
            threading.Thread(target=send, name="mobula-upload", daemon=True).start()

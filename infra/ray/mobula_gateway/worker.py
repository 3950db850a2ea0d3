"""A process that runs attempts one after another, and speaks to the app for them."""

from __future__ import annotations

import os
import threading
import time
from typing import Callable, NoReturn, Optional, Sequence

from mobula_driver.attempt import Attempt
from mobula_driver.begin import read_begun
from mobula_driver.current import publish, withdraw
from mobula_driver.end import end_group
from mobula_driver.perform import perform
from mobula_driver.wire import Unreachable
from mobula_gateway import calls
from mobula_gateway.chunk import Chunk, Event
from mobula_gateway.courier import Courier
from mobula_gateway.desk import Desk
from mobula_gateway.entry import Entry
from mobula_gateway.item import Item
from mobula_gateway.pulse import Pulse
from mobula_gateway.watch import Watch


class Worker:
    """Threads around a desk: one begins attempts, one runs them, one reports, one beats, and one watches them all."""

    def __init__(self) -> None:
        self._desk = Desk()
        self._courier = Courier(self._desk)
        self._runner = threading.Thread(target=self._run, name="mobula-task", daemon=True)
        pulse = Pulse(self._desk)
        watch = Watch(self._desk, self._runner, self._courier)
        feeder = threading.Thread(target=self._feed, name="mobula-begin", daemon=True)
        for thread in (feeder, self._runner, self._courier, pulse, watch):
            thread.start()

    def take(self, items: Sequence[Item], say: Callable[[Optional[Event]], None]) -> Chunk:
        return self._desk.take(items, say)

    def abandon(self, chunk: Chunk) -> None:
        """Nobody listens to the chunk any more: what has not begun is left to others."""
        chunk.over("returned", self._desk.take_waiting(lambda entry: entry.chunk is chunk))

    def cancel(self, job: str) -> None:
        """Somebody wants this attempt ended: the app is asked about it at once."""
        for entry in self._desk.take_waiting(lambda entry: entry.item.job == job):
            entry.chunk.over("settled", [entry])
        if any(entry.item.job == job for entry in self._desk.open()):
            self._desk.want_beat()

    def close(self, seconds: float) -> None:
        """Waits, not for long, until every outcome is out."""
        self._courier.drain(seconds)

    def _feed(self) -> NoReturn:
        try:
            while True:
                entries = self._desk.next_to_begin()
                try:
                    self._begin(entries)
                except (Unreachable, calls.Refused) as error:
                    self._desk.have_begun([], [])
                    for entry in entries:
                        entry.chunk.over("settled" if isinstance(error, calls.Refused) else "returned", [entry])
        except BaseException as error:
            end_group(f"beginning failed with {type(error).__name__}: {error}")

    def _begin(self, entries: Sequence[Entry]) -> None:
        answers, sent_at, tries = calls.begin(entries)
        begun, later = [], []
        for entry, answer in zip(entries, answers):
            if answer["status"] == 200:
                entry.attempt = Attempt(entry.item.url, read_begun(answer, sent_at))
                begun.append(entry)
            elif answer["status"] == 503:
                later.append(entry)
            else:
                entry.chunk.over("settled", [entry])
        if tries > 1 and begun:
            # The app may have counted the silence from a try whose answer was lost: let it hear us before user code runs.
            said = calls.beat(begun)
            for entry, answer in zip(begun, said):
                if answer["status"] != 200:
                    entry.chunk.over("settled", [entry])
            begun = [entry for entry, answer in zip(begun, said) if answer["status"] == 200]
        for chunk in {entry.chunk for entry in begun}:
            chunk.begun([entry for entry in begun if entry.chunk is chunk])
        self._desk.have_begun(begun, later)

    def _run(self) -> NoReturn:
        us = os.getpid()
        try:
            while True:
                entry = self._desk.next_to_run()
                assert entry.attempt is not None
                publish(entry.attempt, _Mail(self._desk, entry))
                outcome = perform(entry.attempt.begun)
                withdraw()
                if os.getpid() != us:
                    os._exit(outcome.exit_code)  # A child that user code forked came back instead of us.
                if not entry.attempt.decide():
                    threading.Event().wait()  # The watch was first, and ends this process when its outcome is out.
                entry.attempt.returned = True
                seconds = time.monotonic() - entry.started_at
                self._desk.pace.note(entry.item.callable, 1, seconds)
                self._desk.report(entry, outcome)
                entry.chunk.ran(entry, seconds)
        except BaseException as error:
            end_group(f"the worker failed with {type(error).__name__}: {error}")


class _Mail:
    """Takes the progress of one attempt."""

    def __init__(self, desk: Desk, entry: Entry) -> None:
        self._desk = desk
        self._entry = entry

    def progress(self, text: bytes) -> None:
        self._entry.progress = text
        with self._desk.changed:
            self._desk.changed.notify_all()

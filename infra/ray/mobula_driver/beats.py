"""Telling the app that we live, how far we are, and hearing whether to stop."""

from __future__ import annotations

import threading
from typing import Optional

from mobula_driver.attempt import Attempt
from mobula_driver.end import end_group
from mobula_driver.fence import now
from mobula_driver.wire import Unreachable, backoff

PROGRESS_SECONDS = 1.0


class Beats(threading.Thread):
    """Beats every `heartbeat_seconds`, and sooner for news of progress; of several, the latest is sent.

    Naive about user code that holds the interpreter's lock in C for longer than the silence: it starves this thread and
    the guard alike, the app calls the driver silent, and Ray's stop ends it.
    """

    def __init__(self, attempt: Attempt) -> None:
        super().__init__(name="mobula-beats", daemon=True)
        self._attempt = attempt
        self._heartbeat = attempt.begun.heartbeat_seconds
        self._beat_at = now() + self._heartbeat
        self._progress_from = now()
        self._progress: Optional[bytes] = None
        self._mail = threading.RLock()  # A signal handler of the user's may report progress too.
        self._news = threading.Event()
        self._over = False

    def progress(self, text: bytes) -> None:
        """Has the JSON `text` sent with a beat soon."""
        with self._mail:
            self._progress = text
        self._news.set()

    def flush(self) -> None:
        """Sends progress that is still waiting, once; called before the outcome, after which it would be too late."""
        if self._progress is not None and not self._over:
            self._beat()

    def run(self) -> None:
        failures = 0
        while not self._over:
            self._wait()
            failures = 0 if self._beat() else failures + 1
            pause = min(self._heartbeat, backoff(failures)) if failures else self._heartbeat
            self._beat_at = now() + pause
            self._progress_from = now() + min(PROGRESS_SECONDS, pause)

    def _wait(self) -> None:
        while True:
            due = self._beat_at if self._progress is None else min(self._beat_at, self._progress_from)
            left = due - now()
            if left <= 0:
                return
            self._news.wait(left)
            self._news.clear()

    def _beat(self) -> bool:
        with self._mail:
            text, self._progress = self._progress, None
        try:
            answer = self._attempt.post("beat", b"{}" if text is None else b'{"progress":%b}' % text)
        except Unreachable:
            self._put_back(text)
            return False
        if answer.status == 409:
            self._end()
        if answer.passing:
            self._put_back(text)
        if answer.ok and answer.json.get("cancel") is True and self._attempt.cancelled_at is None:
            self._attempt.cancelled_at = now()
        return answer.ok

    def _put_back(self, text: Optional[bytes]) -> None:
        with self._mail:
            self._progress = self._progress or text

    def _end(self) -> None:
        # Once user code has ended, a 409 may be the echo of our own outcome, whose answer is still on its way.
        if not self._attempt.returned:
            end_group("this attempt is over for the app")
        self._over = True

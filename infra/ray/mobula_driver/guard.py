"""The thread that watches the clock and waits for nobody: the fence, the time limit, and the ends of patience."""

from __future__ import annotations

import os
import threading
from typing import Callable

from mobula_driver.attempt import Attempt
from mobula_driver.deliver import deliver
from mobula_driver.end import end_group, say
from mobula_driver.fence import now
from mobula_driver.outcome import Outcome, cancelled, terminated, timed_out
from mobula_driver.stop import Stop

CANCEL_SECONDS = 10.0
KILL_SECONDS = 5.0
# Ray kills three seconds after SIGTERM; the outcome has to be out by then.
STOP_SECONDS = 2.0
LOOK_SECONDS = 0.2


class Guard(threading.Thread):
    """Ends what does not end by itself."""

    def __init__(self, attempt: Attempt, stop: Stop) -> None:
        super().__init__(name="mobula-guard", daemon=True)
        self._attempt = attempt
        self._stop = stop
        self._parent = os.getppid()

    def run(self) -> None:
        try:
            while True:
                self._stop.wait(min(LOOK_SECONDS, self._attempt.fence.left()))
                self._look()
        except BaseException as error:  # Without a guard the fence is a promise nobody keeps.
            end_group(f"the guard failed with {type(error).__name__}")

    def _look(self) -> None:
        self._attempt.fence.check()
        if self._attempt.returned:
            return
        if os.getppid() != self._parent:
            end_group("what started this driver is gone, and its job with it")
        self._look_at_limit()
        self._look_at_cancel()
        if self._stop.at is not None and now() >= self._stop.at + STOP_SECONDS:
            self._end_with(lambda: cancelled if self._attempt.cancelled_at is not None else terminated())

    def _look_at_limit(self) -> None:
        limit = self._attempt.begun.timeout_seconds
        if limit is not None and now() >= self._attempt.begun.accepted_at + limit:
            self._end_with(lambda: timed_out(limit, threading.main_thread()))

    def _look_at_cancel(self) -> None:
        if self._attempt.cancelled_at is None:
            return
        if self._stop.at is None and now() >= self._attempt.cancelled_at + CANCEL_SECONDS:
            self._stop.terminate()
        if self._stop.at is not None and now() >= self._stop.at + KILL_SECONDS:
            end_group("the cancelled task did not end")

    def _end_with(self, outcome: Callable[[], Outcome]) -> None:
        """Reports while user code still runs, then ends both. In another thread, because this one must not wait."""
        if self._attempt.decide():
            threading.Thread(target=self._report, args=[outcome()], name="mobula-report", daemon=True).start()

    def _report(self, outcome: Outcome) -> None:
        say(f"the task has to end.\n{outcome.story}".rstrip())
        deliver(self._attempt, outcome)
        end_group("the task was ended")

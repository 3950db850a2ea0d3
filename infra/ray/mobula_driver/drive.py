"""From begin to the end: the attempt as a story."""

from __future__ import annotations

import os
import threading
from typing import NoReturn

from mobula_driver.attempt import Attempt
from mobula_driver.beats import Beats
from mobula_driver.begin import Begun
from mobula_driver.call import call
from mobula_driver.current import publish
from mobula_driver.deliver import deliver
from mobula_driver.end import flush, leave, say
from mobula_driver.guard import Guard
from mobula_driver.outcome import Outcome, cancelled, failed, succeeded, terminated
from mobula_driver.stop import Stop, Terminated


def drive(url: str, begun: Begun) -> NoReturn:
    """Runs the task of an attempt that has begun, reports its outcome, and leaves the process."""
    attempt, stop, driver = Attempt(url, begun), Stop(), os.getpid()
    stop.listen()
    beats = Beats(attempt)
    publish(attempt, beats)
    beats.start()
    Guard(attempt, stop).start()

    outcome = _run(attempt, stop)

    if outcome.story:
        flush()
        say(f"the task failed.\n{outcome.story.rstrip()}")
    if os.getpid() != driver:
        os._exit(outcome.exit_code)  # A child that user code forked came back instead of us; it has nothing to report.
    if not attempt.decide():
        threading.Event().wait()  # The guard was first, and ends this process when its outcome is out.
    attempt.returned = True
    if stop.at is None:
        beats.flush()
    # Whatever a cancelled task comes to, the app would drop it.
    leave(deliver(attempt, outcome if attempt.cancelled_at is None else cancelled))


def _run(attempt: Attempt, stop: Stop) -> Outcome:
    try:
        with stop:
            value = call(attempt.begun.callable, attempt.begun.input)
        return succeeded(value)
    except BaseException as error:  # User code may raise anything, and every end of it is an outcome.
        return terminated(error) if isinstance(error, Terminated) or stop.seen() else failed(error)

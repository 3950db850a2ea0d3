"""Running a task in a process that goes on after it."""

from __future__ import annotations

from mobula_driver.begin import Begun
from mobula_driver.call import call
from mobula_driver.outcome import Outcome, failed, succeeded


def perform(begun: Begun) -> Outcome:
    """Calls the task and answers what it came to, whatever it does."""
    try:
        return succeeded(call(begun.callable, begun.input))
    except BaseException as error:  # User code may raise anything, and every end of it is an outcome.
        return failed(error)

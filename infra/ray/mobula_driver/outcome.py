"""What an attempt comes to, as the bytes that the app will keep."""

from __future__ import annotations

import json
import sys
import threading
from itertools import chain
from typing import Any, NamedTuple

from mobula_driver.errors import describe, stack_of, trace

DEPTH_MAX = 64


class Outcome(NamedTuple):
    kind: str
    """`succeeded`, `failed`, `cancelled`, or `released`: handed back before user code began."""
    text: bytes = b""
    """The JSON of the result, or of the error."""
    story: str = ""
    """For the job's log: the traceback of a failure."""

    @property
    def exit_code(self) -> int:
        return 1 if self.kind == "failed" else 0


cancelled = Outcome("cancelled")
released = Outcome("released")


def succeeded(value: Any) -> Outcome:
    """The outcome of a task that returned `value`: a failure that no retry can cure if that is not JSON."""
    if hasattr(sys, "set_int_max_str_digits"):
        sys.set_int_max_str_digits(0)  # User code has ended: an integer of any length may go out as it came in.
    try:
        return Outcome("succeeded", encode(value))
    except (TypeError, ValueError, RecursionError) as error:
        kind = "TypeError" if isinstance(error, TypeError) else "ValueError"
        return _failed({"type": kind, "message": f"The result is not JSON: {error}", "retryable": False})


def failed(error: BaseException) -> Outcome:
    """The outcome of a task that raised `error`."""
    return _failed(describe(error))


def terminated(error: BaseException | None = None) -> Outcome:
    """The outcome of a task that was told to stop, by somebody other than the app."""
    story = stack_of(threading.main_thread()) if error is None else trace(error)
    return _failed({"type": "Terminated", "message": "The driver was told to stop (SIGTERM).", "traceback": story})


def timed_out(seconds: float, thread: threading.Thread) -> Outcome:
    """The outcome of a task that ran beyond its limit in this thread; its traceback is where it was then."""
    message = f"The attempt ran longer than its limit of {seconds:g} s."
    return _failed({"type": "TimedOut", "message": message, "traceback": stack_of(thread)})


def encode(value: Any) -> bytes:
    """The value as compact JSON. ValueError or TypeError for what JSON, or JSON in Postgres, cannot hold."""
    _refuse_odd(value)
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return text.encode("utf-8")


def _refuse_odd(value: Any) -> None:
    """Refuses NUL and too deep a nesting, which a cycle is too. Depth first, so that a cycle is found at once."""
    levels = [iter([value])]
    while levels:
        for item in levels[-1]:
            if isinstance(item, str) and "\0" in item:
                raise ValueError("a string contains NUL")
            if isinstance(item, (dict, list, tuple)):
                if len(levels) > DEPTH_MAX:
                    raise ValueError(f"it is nested deeper than {DEPTH_MAX} levels")
                levels.append(chain(item, item.values()) if isinstance(item, dict) else iter(item))
                break
        else:
            levels.pop()


def _failed(error: dict[str, Any]) -> Outcome:
    error.setdefault("traceback", "")
    error.setdefault("types", [error["type"]])
    text = json.dumps(error, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    return Outcome("failed", text, error["traceback"] or f"{error['type']}: {error['message']}")

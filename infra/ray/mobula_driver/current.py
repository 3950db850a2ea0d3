"""What user code may know of its attempt. It imports little, because user code imports it."""

from __future__ import annotations


class Context:
    """The attempt that is running in this process.

    A forked child has a copy that stays as it was, and whose progress goes nowhere; other processes have none.
    """

    def __init__(self, attempt, beats) -> None:
        self._attempt = attempt
        self._beats = beats

    @property
    def id(self) -> str:
        """The execution's id."""
        return self._attempt.begun.id

    @property
    def attempt(self) -> int:
        """The number of this attempt, counted from 1."""
        return self._attempt.begun.attempt

    @property
    def cancelled(self) -> bool:
        """Whether somebody cancelled the execution. From then on there are ten seconds to return."""
        return self._attempt.cancelled_at is not None

    def progress(self, value) -> None:
        """Reports how far the task is: any JSON value of at most 4 KiB, else ValueError. The latest value wins."""
        from mobula_driver.outcome import encode

        try:
            text = encode(value)
        except TypeError as error:
            raise ValueError(f"progress must be JSON: {error}") from None
        if len(text) > 4096:
            raise ValueError(f"progress must be at most 4096 bytes of JSON, got {len(text)}")
        self._beats.progress(text)


_current: Context | None = None


def context() -> Context:
    """The context of the attempt that this process runs; RuntimeError where there is none."""
    if _current is None:
        raise RuntimeError("mobula_driver.context() works only in a process that the Mobula driver runs an attempt in.")
    return _current


def publish(attempt, beats) -> None:
    """Makes the attempt known to `context()`; `beats` takes its progress. Only the driver and the gateway call it."""
    global _current
    _current = Context(attempt, beats)


def withdraw() -> None:
    """The attempt is over, and the process goes on without one."""
    global _current
    _current = None

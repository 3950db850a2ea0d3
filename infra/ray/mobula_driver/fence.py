"""The promise that a driver the app cannot hear ends itself before the app gives its attempt to another."""

from __future__ import annotations

import time

from mobula_driver.end import end_group

SHARE_OF_SILENCE = 0.8
# This clock also counts the time a suspended machine sleeps; where it is missing, the monotonic one has to do.
_clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def now() -> float:
    """Seconds on a clock that never goes back, and that goes on while this process is frozen."""
    return time.clock_gettime(_clock)


class Fence:
    """Knows when the app last accepted a word of ours, and ends the process group when that was too long ago."""

    def __init__(self, silence_seconds: float, accepted_at: float) -> None:
        self._seconds = SHARE_OF_SILENCE * silence_seconds
        self._accepted_at = accepted_at

    def accept(self, sent_at: float) -> None:
        """Moves the fence. It takes the moment of sending: the app heard us then or later, never sooner."""
        self._accepted_at = max(self._accepted_at, sent_at)

    def left(self) -> float:
        return self._accepted_at + self._seconds - now()

    def check(self) -> None:
        """Returns only while the attempt is ours. Called before each send, so that a thawed driver says nothing."""
        if self.left() <= 0:
            end_group(f"no beat was accepted for {self._seconds:g} s, so this attempt is over")

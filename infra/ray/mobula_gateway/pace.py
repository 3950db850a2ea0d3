"""How long tasks take, as measured, and how many of them make so much work."""

from __future__ import annotations

from typing import Iterable

UNKNOWN_SECONDS = 60.0
LEAST_SECONDS = 0.0002
WEIGHT = 0.5


class Pace:
    """The seconds that each callable's attempts take, the latest counting most. One never met counts as slow."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    def note(self, callable: str, count: int, seconds: float) -> None:
        each = seconds / max(1, count)
        before = self._seconds.get(callable, each)
        self._seconds[callable] = before + WEIGHT * (each - before)

    def of(self, callable: str) -> float:
        return max(LEAST_SECONDS, self._seconds.get(callable, UNKNOWN_SECONDS))

    def fitting(self, callables: Iterable[str], seconds: float) -> int:
        """How many of the first of them fit into so many seconds."""
        count, spent = 0, 0.0
        for callable in callables:
            spent += self.of(callable)
            if spent > seconds:
                break
            count += 1
        return count

"""The tasks of the sample deployment. They also run outside an attempt, as plain functions."""

from __future__ import annotations

import time
from typing import Any

from mobula_driver.current import Context, context

STEP_SECONDS = 0.2


def add_numbers(a: float, b: float) -> float:
    return a + b


def multiply_numbers(a: float, b: float) -> float:
    return a * b


def slow_task(seconds: float) -> dict[str, float]:
    """Sleeps in small steps, says how far it is, and stops early when it is cancelled."""
    attempt = _attempt()
    started_at = time.monotonic()
    while (slept := time.monotonic() - started_at) < seconds:
        if attempt and attempt.cancelled:
            return {"slept": round(slept, 3)}
        if attempt:
            attempt.progress(round(slept / seconds, 3))
        time.sleep(min(STEP_SECONDS, seconds - slept))
    return {"slept": seconds}


def failing_task(message: str) -> None:
    raise ValueError(message)


def echo_task(value: Any) -> Any:
    return value


def cpu_intensive_task(n: int) -> int:
    return sum(i * i for i in range(n))


def large_task(bytes: int) -> str:
    return "x" * bytes


def _attempt() -> Context | None:
    try:
        return context()
    except RuntimeError:
        return None

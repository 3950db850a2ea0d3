"""The driver's first act: asking whether this attempt may run at all."""

from __future__ import annotations

import json
import sys
import uuid
from contextlib import contextmanager
from typing import Any, Iterator, NamedTuple, Optional

from mobula_driver.fence import now
from mobula_driver.settings import Settings
from mobula_driver.wire import Answer, Unreachable, insist, post

PATIENCE_SECONDS = 300.0


class Begun(NamedTuple):
    """What begin answered."""

    capability: str
    id: str
    attempt: int
    callable: str
    input: Any
    heartbeat_seconds: float
    silence_seconds: float
    timeout_seconds: Optional[float]
    inline_bytes: int
    accepted_at: float
    """When the question was sent whose answer said that the attempt is ours, on `fence.now()`'s clock."""


def begin(settings: Settings) -> Begun:
    """Begins the attempt, or leaves the process: quietly when the attempt is not ours, with a line and 1 otherwise.

    The nonce stays the same for every try, so that an answer that got lost can be asked for again.
    """
    question = json.dumps({"nonce": str(uuid.uuid4())}).encode()
    with _integers_of_any_length():
        answer, sent_at, tries = _ask("begin", settings.url, settings.capability, question)
    try:
        begun = read_begun(answer.json, sent_at)
    except (KeyError, TypeError, ValueError):
        sys.exit("mobula: the answer to begin was not understood.")
    if tries > 1:
        # The app may have counted the silence from a try whose answer was lost: let it hear us before user code runs.
        _, sent_at, _ = _ask("beat", settings.url, begun.capability, b"{}")
    return begun._replace(accepted_at=sent_at)


def _ask(verb: str, url: str, capability: str, body: bytes) -> tuple[Answer, float, int]:
    sent: list[float] = []

    def ask() -> Answer:
        sent.append(now())
        return post(f"{url}/{verb}", capability, body)

    try:
        answer = insist(ask, PATIENCE_SECONDS)
    except Unreachable as error:
        sys.exit(f"mobula: no answer to {verb} within {PATIENCE_SECONDS:.0f} s ({error}).")
    if answer.status == 409:
        sys.exit(0)
    if not answer.ok:
        sys.exit(f"mobula: {verb} was refused with HTTP {answer.status}.")
    return answer, sent[-1], len(sent)


def read_begun(said: dict[str, Any], accepted_at: float) -> Begun:
    """Reads what begin answered. KeyError, TypeError or ValueError where it is not that."""
    timeout = said["timeout_seconds"]
    return Begun(
        capability=str(said["capability"]),
        id=str(said["id"]),
        attempt=int(said["attempt"]),
        callable=str(said["callable"]),
        input=said["input"],
        heartbeat_seconds=float(said["heartbeat_seconds"]),
        silence_seconds=float(said["silence_seconds"]),
        timeout_seconds=None if timeout is None else float(timeout),
        inline_bytes=int(said["inline_bytes"]),
        accepted_at=accepted_at,
    )


@contextmanager
def _integers_of_any_length() -> Iterator[None]:
    """Newer Pythons refuse integers of more than 4,300 digits; an input may hold one."""
    if not hasattr(sys, "set_int_max_str_digits"):
        yield
        return
    limit = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        yield
    finally:
        sys.set_int_max_str_digits(limit)

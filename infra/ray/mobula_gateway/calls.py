"""The app's routes for many attempts: begin, beat and complete, each in one call."""

from __future__ import annotations

import json
from typing import Any, Optional, Sequence

from mobula_driver.fence import now
from mobula_driver.wire import Answer, Unreachable, insist, post
from mobula_gateway.entry import Entry

PATIENCE_SECONDS = 30.0


class Refused(Exception):
    """The app, or a platform before it, will not take the call as it is."""


def begin(entries: Sequence[Entry]) -> tuple[list[dict[str, Any]], float, int]:
    """What the app says of each; when the question was sent that it answered; and how often it was asked."""
    words = [_about(entry, entry.item.capability, {"nonce": entry.nonce}) for entry in entries]
    sent: list[float] = []

    def ask() -> Answer:
        sent.append(now())
        return _post(entries, "begin", words)

    answers = _read(insist(ask, PATIENCE_SECONDS), len(entries))
    return answers, sent[-1], len(sent)


def beat(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """Tells the app once that these live, with what progress there is. `Unreachable` where it did not hear.

    Progress that it will not take is lost, and the beats are not.
    """
    progress = [entry.progress for entry in entries]
    sent_at = now()
    try:
        answers = _beat(entries, progress)
    except Refused:
        answers = _beat(entries, [None] * len(entries))
    for entry, text, answer in zip(entries, progress, answers):
        if entry.progress is text:
            entry.progress = None
        if answer["status"] == 200 and entry.attempt:
            entry.attempt.fence.accept(sent_at)
    return answers


def _beat(entries: Sequence[Entry], progress: Sequence[Optional[bytes]]) -> list[dict[str, Any]]:
    words = [
        _about(entry, _capability(entry), {}, b"" if text is None else b',"progress":%b' % text)
        for entry, text in zip(entries, progress)
    ]
    return _read(_post(entries, "beat", words), len(entries))


def complete(entries: Sequence[Entry], outcomes: Sequence[bytes]) -> list[dict[str, Any]]:
    """Tells the app once what these came to; each outcome is a JSON object. `Unreachable` where it did not hear."""
    for entry in entries:
        if entry.attempt:
            entry.attempt.fence.check()
    words = [_about(entry, _capability(entry), {}, b"," + text[1:-1]) for entry, text in zip(entries, outcomes)]
    return _read(_post(entries, "complete", words), len(entries))


def _about(entry: Entry, capability: str, more: dict[str, str], tail: bytes = b"") -> bytes:
    head = {"id": entry.item.id, "attempt": entry.item.attempt, "capability": capability, **more}
    return json.dumps(head, separators=(",", ":")).encode()[:-1] + tail + b"}"


def _capability(entry: Entry) -> str:
    return entry.attempt.begun.capability if entry.attempt else entry.item.capability


def _post(entries: Sequence[Entry], verb: str, words: Sequence[bytes]) -> Answer:
    return post(f"{entries[0].item.app}/{verb}", _capability(entries[0]), b'{"attempts":[%b]}' % b",".join(words))


def _read(answer: Answer, count: int) -> list[dict[str, Any]]:
    if answer.passing:
        raise Unreachable(f"HTTP {answer.status}")
    if not answer.ok:
        raise Refused(f"HTTP {answer.status}")
    answers = answer.json.get("attempts")
    if not isinstance(answers, list) or len(answers) != count:
        raise Unreachable("the answer was not understood")
    return answers

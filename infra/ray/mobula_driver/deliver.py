"""Handing the outcome to the app, and a large value to the result store."""

from __future__ import annotations

import hashlib
import json
import time
from typing import Any
from urllib.parse import urljoin

from mobula_driver.attempt import Attempt
from mobula_driver.end import say
from mobula_driver.outcome import Outcome
from mobula_driver.wire import Answer, Unreachable, backoff, insist, put

PATIENCE_SECONDS = 60.0
UPLOAD_TRIES = 3
ALREADY_THERE = (409, 412)


def deliver(attempt: Attempt, outcome: Outcome) -> int:
    """Reports the outcome, patiently, and returns the code to exit with. Beats go on meanwhile."""
    try:
        answer = _ask(attempt, "complete", _body(attempt, outcome))
        if outcome.kind == "succeeded" and answer.status in (400, 413, 422):
            answer = _ask(attempt, "complete", _second_best(attempt, outcome, answer.status))
    except Unreachable as error:
        say(f"the outcome could not be reported ({error}).")
        return 1
    if answer.ok:
        return outcome.exit_code
    if answer.status == 409:
        return 0
    say(f"the outcome was refused with HTTP {answer.status}.")
    return 1


def _ask(attempt: Attempt, verb: str, body: bytes) -> Answer:
    return insist(lambda: attempt.post(verb, body), max(PATIENCE_SECONDS, attempt.begun.silence_seconds))


def is_large(attempt: Attempt, outcome: Outcome) -> bool:
    """Whether the value goes to the result store."""
    return outcome.kind == "succeeded" and len(outcome.text) > attempt.begun.inline_bytes


def word_of(outcome: Outcome) -> bytes:
    """What complete is told of an outcome that is not large, as JSON."""
    if outcome.kind == "failed":
        return b'{"outcome":"failed","error":%b}' % outcome.text
    if outcome.kind == "succeeded":
        return b'{"outcome":"succeeded","result":%b}' % outcome.text
    return b'{"outcome":"%b"}' % outcome.kind.encode()


def _body(attempt: Attempt, outcome: Outcome) -> bytes:
    return _by_reference(attempt, outcome.text) if is_large(attempt, outcome) else word_of(outcome)


def _second_best(attempt: Attempt, outcome: Outcome, status: int) -> bytes:
    """What to say where the app, or the platform before it, will not take the value as it is."""
    if status == 413:
        return _digest_only(_digest(outcome.text), "the value was too large for the app (HTTP 413)")
    if is_large(attempt, outcome):
        return _digest_only(_digest(outcome.text), f"the result store has not kept the value (HTTP {status})")
    error = {"type": "RefusedResult", "message": f"The app refused the result with HTTP {status}.", "retryable": False}
    error.update(traceback="", types=["RefusedResult"])
    return _json({"outcome": "failed", "error": error})


def _by_reference(attempt: Attempt, text: bytes) -> bytes:
    """Uploads the value and says where it is; a store that fails costs the value, not the task."""
    digest = _digest(text)
    answer = _ask(attempt, "upload", _json(digest))
    upload = answer.json.get("upload") if answer.ok else None
    if upload:
        reason = _upload(urljoin(f"{attempt.url}/upload", str(upload.get("url"))), upload.get("headers") or {}, text)
    elif answer.ok:
        reason = str(answer.json.get("reason"))
    else:
        reason = f"the upload was refused (HTTP {answer.status})"
    if reason:
        return _digest_only(digest, reason)
    return _json({"outcome": "succeeded", "stored": digest})


def _upload(url: str, headers: dict[str, str], text: bytes) -> str:
    """Why the bytes are not in the store; empty when they are. Nothing of the URL, which is signed."""
    reason = ""
    for failures in range(1, UPLOAD_TRIES + 1):
        try:
            answer = put(url, headers, text)
            if answer.ok or answer.status in ALREADY_THERE:
                return ""
            reason = f"the result store answered HTTP {answer.status}"
        except Unreachable as error:
            reason = f"the result store was out of reach ({error})"
        if failures < UPLOAD_TRIES:
            time.sleep(backoff(failures))
    return reason


def _digest(text: bytes) -> dict[str, Any]:
    return {"sha256": hashlib.sha256(text).hexdigest(), "bytes": len(text)}


def _digest_only(digest: dict[str, Any], reason: str) -> bytes:
    say(f"only the digest of the result is kept: {reason}.")
    return _json({"outcome": "succeeded", "digest_only": {**digest, "reason": reason}})


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8")

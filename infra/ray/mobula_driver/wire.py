"""HTTP to the app and to a result store: no redirects, no file URLs, and every failure in one shape.

Naive about one thing: the timeout is for each wait on the socket, so a peer that trickles bytes is not cut off here.
The guard keeps its own time, in a thread of its own.
"""

from __future__ import annotations

import http.client
import io
import ipaddress
import itertools
import json
import random
import time
import urllib.error
import urllib.request
from typing import Any, Callable, Mapping, NamedTuple
from urllib.parse import urlsplit

ANSWER_BYTES_MAX = 128 * 1024 * 1024
CALL_SECONDS = 10.0
UPLOAD_SECONDS = 60.0
RETRY_AFTER_SECONDS_MAX = 60.0
# Some proxies in front of an app refuse urllib's own name.
AGENT = "mobula-driver/1"


class Unreachable(Exception):
    """No usable answer came, so asking again may help. Its text never holds a header or a body."""


class Answer(NamedTuple):
    status: int
    body: bytes = b""
    retry_after: float = 0.0
    json: Any = None

    @property
    def ok(self) -> bool:
        return 200 <= self.status < 300

    @property
    def passing(self) -> bool:
        """Whether the same question may have another answer later; platforms throttle with 429."""
        return self.status >= 500 or self.status in (408, 425, 429)


class _Exact(urllib.request.Request):
    """A request with the caller's headers: urllib would add a form's Content-Type, which a signed URL may refuse."""

    def has_header(self, header_name: str) -> bool:
        return header_name == "Content-type" or super().has_header(header_name)


def _opener(proxies: urllib.request.ProxyHandler) -> urllib.request.OpenerDirector:
    # Only these handlers: without urllib's error processor every status is an answer and no redirect is followed.
    opener = urllib.request.OpenerDirector()
    for handler in (proxies, urllib.request.HTTPHandler(), urllib.request.HTTPSHandler()):
        opener.add_handler(handler)
    opener.addheaders = [("User-Agent", AGENT)]
    return opener


_proxied = _opener(urllib.request.ProxyHandler())
_direct = _opener(urllib.request.ProxyHandler({}))


def post(url: str, capability: str, body: bytes) -> Answer:
    """Posts JSON to the app. A 2xx whose body is no JSON object did not come from the app, and is `Unreachable`."""
    headers = {
        "Authorization": f"Bearer {capability}",
        "Content-Type": "application/json",
        "Accept": "application/json",
    }
    answer = _send("POST", url, headers, body, CALL_SECONDS)
    if not answer.ok:
        return answer
    try:
        parsed = json.loads(answer.body)
    except (ValueError, RecursionError):
        parsed = None
    if not isinstance(parsed, dict):
        raise Unreachable(f"HTTP {answer.status} without JSON")
    return answer._replace(body=b"", json=parsed)


def put(url: str, headers: Mapping[str, str], body: bytes) -> Answer:
    """Uploads `body` with exactly `headers`."""
    return _send("PUT", url, headers, body, UPLOAD_SECONDS)


def insist(ask: Callable[[], Answer], seconds: float) -> Answer:
    """Asks until there is an answer that lasts, or raises `Unreachable` when `seconds` are over."""
    until = time.monotonic() + seconds
    for failures in itertools.count(1):
        least, reason = 0.0, ""
        try:
            answer = ask()
            if not answer.passing:
                return answer
            least, reason = answer.retry_after, f"HTTP {answer.status}"
        except Unreachable as error:
            reason = str(error)
        pause = max(least, backoff(failures))
        if time.monotonic() + pause > until:
            raise Unreachable(reason)
        time.sleep(pause)
    raise AssertionError("unreachable")


def backoff(failures: int) -> float:
    """Seconds to wait after so many failures in a row: half a second, doubling to ten, give or take a fifth."""
    return min(10.0, 0.5 * 2.0 ** min(failures - 1, 8) * random.uniform(1.0, 1.25))


def _send(method: str, url: str, headers: Mapping[str, str], body: bytes, timeout: float) -> Answer:
    # From a file object http.client sends in blocks, each with its own timeout, and does not copy the bytes.
    exact = {**headers, "Content-Length": str(len(body))}
    try:
        if urlsplit(url).scheme not in ("http", "https"):
            raise Unreachable("not an http(s) URL")
        request = _Exact(url, data=io.BytesIO(body), headers=exact, method=method)
        opener = _direct if _is_loopback(urlsplit(url).hostname or "") else _proxied
        with opener.open(request, timeout=timeout) as response:
            return Answer(response.status, _read(response), _seconds(response.headers.get("Retry-After")))
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise Unreachable(_reason(error)) from None


def _read(response: http.client.HTTPResponse) -> bytes:
    body = bytearray()
    while block := response.read(65536):
        body += block
        if len(body) > ANSWER_BYTES_MAX:
            raise ValueError("answer too long")
    return bytes(body)


def _seconds(retry_after: str | None) -> float:
    """A Retry-After in seconds, bounded; one that is a date, or absent, is 0."""
    if retry_after is None or not retry_after.strip().isdecimal():
        return 0.0
    return min(float(retry_after), RETRY_AFTER_SECONDS_MAX)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _reason(error: Exception) -> str:
    # Never str(error): http.client quotes a header that it refuses.
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    return getattr(cause, "strerror", None) or type(cause).__name__

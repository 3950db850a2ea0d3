"""Whether a request comes from the app: an HMAC over its second, path and body, by a key made of MOBULA_SECRET."""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import Sequence

TOLERANCE_SECONDS = 300


def is_signed(header: str, path: str, body: bytes, keys: Sequence[str]) -> bool:
    """Whether `header` signs this very request by one of the keys, not long ago."""
    version, _, rest = header.partition(",")
    second, _, signature = rest.partition(",")
    if version != "v1" or not second.isascii() or not second.isdecimal() or len(second) > 12:
        return False
    if abs(time.time() - int(second)) > TOLERANCE_SECONDS:
        return False
    text = b"%b.%b.%b" % (second.encode(), path.encode(), body)
    fits = [hmac.compare_digest(_sign(key, text), signature.encode("utf-8", "replace")) for key in keys]
    return any(fits)


def _sign(key: str, text: bytes) -> bytes:
    return hmac.new(key.encode(), text, hashlib.sha256).hexdigest().encode()

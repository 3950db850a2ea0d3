"""The attempt that has begun, as the driver's threads share it."""

from __future__ import annotations

import threading
from typing import Optional

from mobula_driver.begin import Begun
from mobula_driver.fence import Fence, now
from mobula_driver.wire import Answer, post


class Attempt:
    """The one fenced way to speak to the app about the attempt, and what is known of its state."""

    def __init__(self, url: str, begun: Begun) -> None:
        self.url = url
        self.begun = begun
        self.fence = Fence(begun.silence_seconds, begun.accepted_at)
        self.cancelled_at: Optional[float] = None
        self.returned = False
        """Whether user code has ended; what is left to do is reporting."""
        self._decided = threading.Lock()

    def post(self, verb: str, body: bytes) -> Answer:
        """Asks the app once. An accepted beat moves the fence."""
        self.fence.check()
        sent_at = now()
        answer = post(f"{self.url}/{verb}", self.begun.capability, body)
        if verb == "beat" and answer.ok:
            self.fence.accept(sent_at)
        return answer

    def decide(self) -> bool:
        """Whether the caller is the first with an outcome. It then reports that one, and all others keep still."""
        return self._decided.acquire(blocking=False)

"""An attempt in a worker, from being handed out to being reported."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Optional

from mobula_driver.attempt import Attempt
from mobula_gateway.item import Item

if TYPE_CHECKING:
    from mobula_gateway.chunk import Chunk


class Entry:
    """One attempt of a chunk. `attempt` is there from begin on."""

    def __init__(self, item: Item, chunk: Chunk, taken_at: float) -> None:
        self.item = item
        self.chunk = chunk
        self.taken_at = taken_at
        self.nonce = str(uuid.uuid4())
        self.attempt: Optional[Attempt] = None
        self.started_at = 0.0
        self.progress: Optional[bytes] = None
        """JSON that the app has not been told."""

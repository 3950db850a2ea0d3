"""The gateway's three routes, as the app calls them."""

from __future__ import annotations

import json
import uuid
from typing import Any, Sequence

from mobula_gateway.dispatcher import Dispatcher
from mobula_gateway.item import read_item
from mobula_gateway.signature import is_signed

PER_CALL_MAX = 1_000


class Door:
    """Answers signed requests; whoever else knocks learns nothing."""

    def __init__(self, dispatcher: Dispatcher, keys: Sequence[str], ray_version: str) -> None:
        self._dispatcher = dispatcher
        self._keys = keys
        self._self = {"session": f"gateway_{uuid.uuid4().hex}", "ray_version": ray_version}

    async def answer(self, method: str, path: str, signature: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """The status and the JSON that answer a request."""
        if not is_signed(signature, path, body, self._keys):
            return 401, {"error": "This call needs the app's signature."}
        routes = {"/attempts": self._attempts, "/sights": self._sights, "/cancel": self._cancel}
        if path not in routes:
            return 404, {"error": "There is no such route."}
        if method != "POST":
            return 405, {"error": "This route takes POST."}
        try:
            said = json.loads(body)
            items = said["attempts" if path == "/attempts" else "jobs"]
        except (ValueError, RecursionError, KeyError, TypeError):
            return 400, {"error": "The body was not understood."}
        if not isinstance(items, list) or len(items) > PER_CALL_MAX:
            return 422, {"error": f"This takes a list of at most {PER_CALL_MAX}."}
        return 200, {**self._self, **await routes[path](items)}

    async def _attempts(self, said: list[Any]) -> dict[str, Any]:
        answers = self._dispatcher.take([read_item(one) for one in said])
        return {"attempts": [{"status": status, "message": _words[status]} for status in answers]}

    async def _sights(self, jobs: list[Any]) -> dict[str, Any]:
        sights = [self._dispatcher.ledger.sight(str(job)) for job in jobs]
        return {"jobs": [{"status": status, "message": _words.get(status, "")} for status in sights]}

    async def _cancel(self, jobs: list[Any]) -> dict[str, Any]:
        for job in jobs:
            await self._dispatcher.cancel(str(job))
        return {}


_words = {
    "accepted": "",
    "refused": "The gateway has another attempt of this id, or did not understand it.",
    "full": "The gateway holds as many attempts as it can.",
    "failed": "The worker process that ran it died.",
}

"""An attempt as the app hands it to the gateway, without its input."""

from __future__ import annotations

from typing import Any, Mapping, NamedTuple, Optional
from urllib.parse import urlsplit

OPTIONS = ("num_cpus", "num_gpus", "memory", "resources", "label_selector", "runtime_env")


class Item(NamedTuple):
    job: str
    """The id that the app chose for it."""
    id: str
    attempt: int
    url: str
    """Where it reports: `<app>/attempts/<id>/<attempt>`."""
    capability: str
    """Lets it begin."""
    callable: str
    options: Mapping[str, Any]
    """What it asks of Ray for itself; empty for what runs on the shared processes."""

    @property
    def app(self) -> str:
        """The URL of the app's routes for many attempts."""
        return self.url.rsplit("/", 2)[0]


def read_item(said: Any) -> Optional[Item]:
    """The item of one member of the app's request; None where it is none."""
    try:
        item = Item(
            job=_text(said["job"]),
            id=_text(said["id"]),
            attempt=int(said["attempt"]),
            url=_text(said["url"]).rstrip("/"),
            capability=_text(said["capability"]),
            callable=_text(said["callable"]),
            options=_options(said),
        )
    except (KeyError, TypeError, ValueError):
        return None
    parts = urlsplit(item.url)
    return item if parts.scheme in ("http", "https") and parts.hostname and ":" in item.callable else None


def _options(said: Mapping[str, Any]) -> dict[str, Any]:
    options = {name: said[name] for name in OPTIONS if said.get(name) is not None}
    # A worker has a CPU of its own, so a task that wants no more than that wants nothing of its own.
    if set(options) == {"num_cpus"} and options["num_cpus"] <= 1:
        return {}
    return options


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value or not value.isprintable():
        raise ValueError("not a text")
    return value

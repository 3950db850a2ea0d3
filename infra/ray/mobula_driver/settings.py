"""What the job's environment says about the attempt."""

from __future__ import annotations

import json
import os
import sys
from typing import NamedTuple
from urllib.parse import urlsplit

URL = "MOBULA_ATTEMPT_URL"
SECRET = "MOBULA_CAPABILITY"
SHARED = "MOBULA_ATTEMPTS"
JOB_CONFIG = "RAY_JOB_CONFIG_JSON_ENV_VAR"


class Settings(NamedTuple):
    url: str
    capability: str


def take_settings() -> Settings:
    """Reads the attempt's URL and capability, and takes the capability out of the environment.

    Ray keeps a second copy in the job's configuration, which `ray.init()` would hand to every worker of the user's.
    """
    url = os.environ.get(URL, "").strip().rstrip("/")
    capability = os.environ.pop(SECRET, "").strip()
    _forget_in_job_config(SECRET)
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        sys.exit(f"mobula: {URL} must be the http(s) URL of an attempt.")
    if not capability.isascii() or not capability.isprintable() or not capability or " " in capability:
        sys.exit(f"mobula: {SECRET} is missing or malformed.")
    return Settings(url, capability)


def take_attempts() -> list[Settings]:
    """Reads the attempts of a shared job, if it is one, and takes them out of the environment as `take_settings` does."""
    text = os.environ.pop(SHARED, "")
    if not text:
        return []
    _forget_in_job_config(SHARED)
    try:
        return [Settings(str(url), str(capability)) for url, capability in json.loads(text)]
    except (TypeError, ValueError):
        sys.exit(f"mobula: {SHARED} must be a list of URLs with their capabilities.")


def _forget_in_job_config(name: str) -> None:
    try:
        config = json.loads(os.environ[JOB_CONFIG])
        del config["runtime_env"]["env_vars"][name]
    except (KeyError, TypeError, ValueError):
        return
    os.environ[JOB_CONFIG] = json.dumps(config)

"""Importing the task's callable and calling it."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Callable


def call(name: str, value: Any) -> Any:
    """Imports `pkg.mod:name.attr` and calls it; what it returns is awaited if need be.

    An object becomes keyword arguments, an array positional ones, anything else (null included) the single argument.
    """
    target = _find(name)
    if isinstance(value, dict):
        result = target(**value)
    elif isinstance(value, list):
        result = target(*value)
    else:
        result = target(value)
    return _settle(result) if hasattr(type(result), "__await__") else result


def _find(name: str) -> Callable[..., Any]:
    module, _, path = name.partition(":")
    found: Any = import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    return found


def _settle(awaitable: Any) -> Any:
    import asyncio

    async def settle() -> Any:
        return await awaitable

    return asyncio.run(settle())

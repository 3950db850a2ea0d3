"""How an exception of the user's is told to the app, whatever its class does when asked."""

from __future__ import annotations

import os
import sys
import threading
import traceback
from types import TracebackType
from typing import Any, Optional

MESSAGE_BYTES_MAX = 4 * 1024
TRACEBACK_BYTES_MAX = 32 * 1024
NAME_BYTES_MAX = 200
TYPES_MAX = 64

_here = os.path.dirname(os.path.abspath(__file__))
_own = {os.path.join(_here, name) for name in ("call.py", "drive.py", "perform.py", "stop.py")}

# What a class is, past its metaclass, which may answer anything.
_name_of, _qualname_of, _module_of, _mro_of = (
    type.__dict__[name].__get__ for name in ("__name__", "__qualname__", "__module__", "__mro__")
)


def describe(error: BaseException) -> dict[str, Any]:
    """The error as the app takes it: type, message, traceback, and every name a retry policy may know it by."""
    kind = type(error)
    return {
        "type": head(_name_of(kind), NAME_BYTES_MAX) or "Exception",
        "message": head(_message(error), MESSAGE_BYTES_MAX),
        "traceback": trace(error),
        "types": _names(kind),
    }


def trace(error: BaseException) -> str:
    """The end of the error's traceback, from the first frame that is not the driver's."""
    try:
        lines = traceback.format_exception(type(error), error, _foreign(error.__traceback__))
    except Exception:
        return ""
    return tail("".join(lines), TRACEBACK_BYTES_MAX)


def stack_of(thread: threading.Thread) -> str:
    """Where a thread is, for an attempt that has to be ended from outside."""
    frame = sys._current_frames().get(thread.ident or 0)
    if frame is None:
        return ""
    frames = [entry for entry in traceback.extract_stack(frame) if not _is_own(entry.filename)]
    return tail("".join(traceback.format_list(frames)), TRACEBACK_BYTES_MAX)


def head(text: str, bytes_max: int) -> str:
    """The beginning of a text, without what JSON in Postgres cannot hold: NUL and lone surrogates."""
    return _clean(text[:bytes_max])[:bytes_max].decode("utf-8", "ignore")


def tail(text: str, bytes_max: int) -> str:
    """The end of a text, likewise."""
    return _clean(text[-bytes_max:])[-bytes_max:].decode("utf-8", "ignore")


def _clean(text: str) -> bytes:
    return text.replace("\0", "").encode("utf-8", "replace")


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except BaseException:  # The failure is reported all the same.
        return "<its message could not be read>"


def _names(kind: type) -> list[str]:
    names: list[str] = []
    for parent in _mro_of(kind)[:-1][: TYPES_MAX // 2]:
        module = _module_of(parent)
        for name in (_name_of(parent), f"{module if isinstance(module, str) else ''}.{_qualname_of(parent)}"):
            names.append(head(name, NAME_BYTES_MAX))
    return names


def _foreign(trace: Optional[TracebackType]) -> Optional[TracebackType]:
    while trace is not None and _is_own(trace.tb_frame.f_code.co_filename):
        trace = trace.tb_next
    return trace


def _is_own(file: str) -> bool:
    importing = file.startswith("<frozen ") or file.endswith(os.path.join("importlib", "__init__.py"))
    return importing or os.path.abspath(file) in _own

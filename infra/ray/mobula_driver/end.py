"""The ways out of the process."""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from typing import NoReturn

FAREWELL_SECONDS = 3.0


def say(line: str) -> None:
    """Writes to the job's log, past Python's buffers and their locks, and whatever user code made of sys.stderr."""
    try:
        os.write(2, f"mobula: {line}\n".encode("utf-8", "replace"))
    except OSError:
        pass


def flush() -> None:
    """Writes out what user code has printed."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # A stream that user code closed or broke.
            pass


def leave(code: int) -> NoReturn:
    """Ends the process after a reported outcome. Threads and child processes that user code left behind end with it.

    Exit hooks run (ray's own takes leave of the cluster in one), but not for long: nobody waits for them any more.
    """
    hurry = threading.Timer(FAREWELL_SECONDS, _exit, [code])
    hurry.daemon = True
    hurry.start()
    try:
        flush()
        atexit._run_exitfuncs()
        flush()
    except BaseException:  # Python has printed it, and there is no one left to tell.
        pass
    _exit(code)


def end_group(reason: str) -> NoReturn:
    """Ends this process and all it started, at once and without a word to the app.

    Ray starts a job as the leader of a group of its own. Where we lead none, the group may be somebody else's.
    """
    say(f"{reason}.")
    _kill_descendants()
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


def _exit(code: int) -> NoReturn:
    _kill_descendants()
    os._exit(code)


def _kill_descendants() -> None:
    """Kills what descends from us, also outside our group. Best effort: it reads /proc, which only Linux has."""
    for pid in _descendants(os.getpid()):
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError:
            pass


def _descendants(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    try:
        pids = [int(name) for name in os.listdir("/proc") if name.isdecimal()]
    except OSError:
        return []
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat", "rb") as stat:
                # The name in parentheses may hold anything, so count from the last one: state, then parent.
                parent = int(stat.read().rpartition(b")")[2].split()[1])
        except (OSError, IndexError, ValueError):
            continue
        children.setdefault(parent, []).append(pid)
    found = [root]
    for pid in found:
        found.extend(children.get(pid, []))
    return found[1:]

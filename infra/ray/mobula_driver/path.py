"""Which folders Python may import from, before and after begin."""

from __future__ import annotations

import os
import sys


def hide_user_code() -> list[str]:
    """Takes the user's folders off `sys.path` and returns the path as it was.

    `python -m` and PYTHONPATH put them before the standard library, so a working_dir with an `email.py` or a `queue.py`
    would run inside the driver's own imports: before begin, where user code must not run. The other side of it: user
    code that imports a module of such a name gets the standard library's, if the driver has imported that.
    """
    before = list(sys.path)
    library = os.path.dirname(os.__file__)
    foreign = {os.path.abspath(entry) for entry in ["", *os.environ.get("PYTHONPATH", "").split(os.pathsep)]}
    sys.path[:] = [e for e in before if os.path.abspath(e) not in foreign or os.path.abspath(e).startswith(library)]
    return before


def show_user_code(path: list[str]) -> None:
    """Puts the path back, the current folder first as `python -m` has it even where PYTHONSAFEPATH is set."""
    here = os.getcwd()
    sys.path[:] = [here, *(entry for entry in path if entry not in ("", here))]

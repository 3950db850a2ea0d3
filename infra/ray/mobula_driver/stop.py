"""SIGTERM: Ray's stop, which gives three seconds, and the driver's own way to end a cancelled task."""

from __future__ import annotations

import os
import select
import signal
import threading
from typing import Any, Optional

from mobula_driver.fence import now


class Terminated(SystemExit):
    """Raised in user code when the driver is told to stop, so that its `finally` blocks run.

    A SystemExit, because asyncio swallows any other BaseException that one of its callbacks raises.
    """


class Stop:
    """Notices SIGTERM, and raises `Terminated` in the main thread if user code is running there (`with stop:`).

    It has two ears. The handler can raise, but only between two bytecodes of the main thread, and user code may replace
    it (ray.init() does, by one that calls sys.exit). So it also listens on Python's wake-up pipe, which the C handler
    writes to whatever the main thread is doing. Naive about code that puts its own pipe there, as asyncio's
    `add_signal_handler` does: such code has taken SIGTERM into its own hands.
    """

    def __init__(self) -> None:
        self.at: Optional[float] = None
        """When SIGTERM was first noticed."""
        self._raising = False
        self._reading = threading.Lock()
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)

    def listen(self) -> None:
        signal.signal(signal.SIGTERM, self._on_sigterm)
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        os.register_at_fork(after_in_child=self._forget)

    def terminate(self) -> None:
        """Sends the signal to this process."""
        self.at = self.at or now()
        os.kill(os.getpid(), signal.SIGTERM)

    def wait(self, seconds: float) -> None:
        """Waits for a signal, at most so long."""
        select.select([self._reader], [], [], max(0.0, seconds))
        self.seen()

    def seen(self) -> bool:
        """Whether SIGTERM has come, also if it came this very moment."""
        with self._reading:
            try:
                signals = os.read(self._reader, 4096)
            except OSError:  # Nothing there to read.
                signals = b""
            if signal.SIGTERM in signals:
                self.at = self.at or now()
        return self.at is not None

    def __enter__(self) -> None:
        self._raising = True

    def __exit__(self, *_: Any) -> None:
        self._raising = False

    def _on_sigterm(self, *_: Any) -> None:
        self.at = self.at or now()
        if self._raising:
            self._raising = False  # Once: the finally blocks are to run in peace.
            raise Terminated

    def _forget(self) -> None:
        # A forked child shares the pipe: a SIGTERM for the child would be taken for one of ours.
        # User code may have put something of its own in either place, which then stays.
        pipe = signal.set_wakeup_fd(-1)
        if pipe not in (-1, self._writer):
            signal.set_wakeup_fd(pipe)
        if signal.getsignal(signal.SIGTERM) == self._on_sigterm:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)

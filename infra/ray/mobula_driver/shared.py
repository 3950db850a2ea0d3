"""A job that several attempts share: one after the other, each in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from typing import NoReturn

from mobula_driver.end import say
from mobula_driver.settings import SECRET, URL, Settings


def run_each(attempts: list[Settings]) -> NoReturn:
    """Has a driver run each attempt in turn, however those before it ended, and leaves the process.

    Ray's stop reaches the driver that is running by itself, for it asks a job's whole family to end. Then, and where a
    driver was killed, this process ends too: the app looks at jobs that are over, and gives what has not begun to others.
    """
    stopped = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stopped.set())
    for number, (url, capability) in enumerate(attempts, start=1):
        if stopped.is_set():
            sys.exit("mobula: the job was told to stop (SIGTERM).")
        say(f"{number} of {len(attempts)}: {url}")
        environment = {**os.environ, URL: url, SECRET: capability}
        driver = subprocess.run([sys.executable, "-m", "mobula_driver"], env=environment, check=False)
        if driver.returncode < 0:
            sys.exit(f"mobula: the driver was killed by {signal.Signals(-driver.returncode).name}.")
    sys.exit(0)

"""User code for the tests on a real Ray: it comes to the cluster by PYTHONPATH, as a baked image would have it."""

import asyncio
import os
import time

import mobula_driver
from mobula_driver import wire


def mark(path, seconds=0):
    with open(path, "a", encoding="utf-8") as marks:
        marks.write("started\n")
    time.sleep(seconds)
    return "marked"


def look(variable):
    context = mobula_driver.context()
    context.progress({"looking": True})
    return {
        "attempt": context.attempt,
        "cancelled": context.cancelled,
        "variable": os.environ.get(variable),
        "secrets": sorted(name for name in os.environ if name.startswith("MOBULA_")),
    }


async def join(*parts):
    await asyncio.sleep(0)
    return "".join(parts)


def die_once():
    attempt = mobula_driver.context().attempt
    if attempt == 1:
        os.kill(os.getpid(), 9)
    return attempt


def impatient(bytes):
    wire.UPLOAD_SECONDS = 1.0  # For each of its three tries; a minute is long for a test.
    return "x" * bytes

"""User code that keeps a ledger of its runs, in the file that LEDGER names."""

import json
import os
import time

import mobula_driver


def run(ms=0, later_ms=None, failures=0):
    attempt = mobula_driver.context().attempt
    _note("start")
    try:
        time.sleep((ms if attempt == 1 or later_ms is None else later_ms) / 1000)
    finally:
        _note("end")
    if attempt <= failures:
        raise RuntimeError("on purpose")
    return attempt


def _note(what):
    context = mobula_driver.context()
    line = {
        "id": context.id,
        "attempt": context.attempt,
        "pid": os.getpid(),
        "what": what,
        "at": time.clock_gettime_ns(time.CLOCK_MONOTONIC),
    }
    with open(os.environ["LEDGER"], "a", encoding="utf-8") as ledger:
        ledger.write(json.dumps(line) + "\n")

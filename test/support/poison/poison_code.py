"""What Python code can come to that nobody can store, by name; it comes to the cluster by PYTHONPATH."""

import mobula_driver


def echo(value):
    return value


def come_to(kind):
    return kinds[kind]()


def _itself():
    value = []
    value.append({"of": value})
    return value


def _nested(depth):
    value = "core"
    for _ in range(depth):
        value = [value]
    return value


def _unnamed():
    raise type("", (ValueError,), {})("no name")


def _poisoned():
    raise ValueError("a\0b\ud800c " + "m" * 100_000)


def _silent():
    class Silent(Exception):
        def __str__(self):
            raise SystemExit(0)

    raise Silent


def _progress():
    refused = 0
    for value in [float("nan"), {1, 2}, "\0", "\ud800", "p" * 5_000, _itself()]:
        try:
            mobula_driver.context().progress(value)
        except ValueError:
            refused += 1
    mobula_driver.context().progress({"refused": refused})
    return refused


kinds = {
    "NaN": lambda: {"of": [float("nan")]},
    "bytes": lambda: b"\xff",
    "a set": lambda: {1, 2},
    "itself": _itself,
    "half of a pair": lambda: "\ud800",
    "a NUL in a key": lambda: {"a\0": 1},
    "depth 65": lambda: _nested(65),
    "depth 100,000": lambda: _nested(100_000),
    "an integer beyond all doubles": lambda: 10**5000,
    "an exception without a name": _unnamed,
    "an exception of poison": _poisoned,
    "an exception that ends the program when asked": _silent,
    "progress of poison": _progress,
}

"""Mobula's driver: the program that runs one attempt of an execution on a Ray cluster.

User code needs one name of it: `mobula_driver.context()`. It never imports ray, and nothing but the standard library.
"""

from mobula_driver.current import Context, context

__all__ = ["Context", "context"]

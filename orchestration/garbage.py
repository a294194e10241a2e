"""When Python looks for objects that only hold each other: seldom, in the programs of this project.

What belongs here: settings of Python's collector. What does not: memory of the engine (`database.py`).

Dagster, dbt and Great Expectations make some two million objects that stay to the end. To look through them again
and again took 2.5 of the 25 CPU seconds of the smallest refresh, to take them apart at its end 1.8.
"""

import atexit
import gc

# Objects made and not yet gone before the collector looks at them; Python's own default is 700.
_YOUNG = 200_000


def collect_seldom() -> None:
    """For a whole program: look for cycles seldom, and at its end leave what is there to the operating system."""
    gc.set_threshold(_YOUNG, 10, 10)
    atexit.register(gc.freeze)

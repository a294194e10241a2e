"""Great Expectations, imported without the statistics that no suite uses.

What belongs here: how it is imported. What does not: using it (`gx_runner.py`).

Three of its modules, which compare distributions, import `scipy.stats`: 0.6 of the 2.3 seconds of CPU that its import
takes in every run with a gate. They get a module that imports the real one when they first ask it for something.
"""

import importlib
import sys
from types import ModuleType
from typing import Any

_STATISTICS = "scipy.stats"


class _OnDemand(ModuleType):
    """Stands for a module of the same name until something of it is asked for."""

    def __getattr__(self, name: str) -> Any:
        return getattr(importlib.import_module(self.__name__), name)


def import_great_expectations() -> ModuleType:
    """Import Great Expectations; what others import as `scipy.stats`, before or after, is SciPy's own."""
    if _STATISTICS in sys.modules:
        return importlib.import_module("great_expectations")
    sys.modules[_STATISTICS] = _OnDemand(_STATISTICS)
    try:
        return importlib.import_module("great_expectations")
    finally:
        del sys.modules[_STATISTICS]

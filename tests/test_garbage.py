"""Python's collector in the programs of this project."""

import gc
import weakref

import pytest

from orchestration import garbage


class _Cycle:
    """An object that holds itself, so only the collector frees it."""

    def __init__(self) -> None:
        self.itself = self


def test_objects_that_hold_each_other_are_still_freed_though_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """A threshold of zero would switch the collector off, and a long run would keep every frame it ever made."""
    at_the_end: list[object] = []
    monkeypatch.setattr("atexit.register", at_the_end.append)
    before = gc.get_threshold()
    try:
        garbage.collect_seldom()
        first = weakref.ref(_Cycle())
        made = [_Cycle() for _ in range(gc.get_threshold()[0] + 1)]
        assert first() is None
        assert len(made) > before[0]
    finally:
        gc.set_threshold(*before)
    assert at_the_end == [gc.freeze]

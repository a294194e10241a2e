"""How long work is shown: a bar with the time left on a terminal, dated lines anywhere else. Always on stderr.

What belongs here: drawing, and guessing the time left. What does not: how far the work has come, which its own function
tells (`progress.py`).
"""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskProgressColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from orchestration.cli_options import err
from orchestration.progress import Progress as Report

NOW_AND_THEN = 10.0
"""Seconds between two lines about work in many small pieces."""

# A guess from less than this is worth nothing: the first steps are the shortest.
_LEAST_SHARE = 0.03
_LEAST_SECONDS = 2.0


class TimeLeft:
    """Guesses the time left from the pace since the first report; what came before it, such as imports, is no pace."""

    def __init__(self) -> None:
        """Begin without a guess."""
        self._first: tuple[float, float] | None = None
        self._guess: tuple[float, float] | None = None

    def report(self, share: float) -> None:
        """Take the share of the work that lies behind now."""
        now = time.monotonic()
        first = self._first = self._first or (now, share)
        passed, done = now - first[0], share - first[1]
        known = passed >= _LEAST_SECONDS and done >= _LEAST_SHARE
        self._guess = (now, passed * (1 - share) / done) if known else None

    def seconds(self) -> float | None:
        """The guess of the last report, less what has passed since; None while there is none."""
        return None if self._guess is None else max(0.0, self._guess[1] - (time.monotonic() - self._guess[0]))


@contextmanager
def progress(doing: str, *, every: float = 0.0) -> Iterator[Report]:
    """Show how far a piece of work has come while it runs.

    Args:
        doing: What it is, in a word, until it tells more.
        every: Seconds between two lines where there is no terminal, so that many small pieces do not flood a log.
    """
    with _stderr() as console, _bar(console, doing) if console.is_terminal else _lines(console, doing, every) as report:
        yield report


def duration(seconds: float) -> str:
    """Seconds as a clock shows them: 0:42, 12:05, 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextmanager
def _stderr() -> Iterator[Console]:
    """Stderr as it is now: Dagster sends what its steps write there to files of its own while they run."""
    try:
        file = os.fdopen(os.dup(sys.stderr.fileno()), "w", encoding="utf-8", errors="replace")
    except (OSError, ValueError):
        # What stands in for stderr here, such as a test's, is no file of the system.
        yield err
        return
    with file:
        yield Console(file=file)


@contextmanager
def _lines(console: Console, doing: str, every: float) -> Iterator[Report]:
    begun, told, left = time.monotonic(), float("-inf"), TimeLeft()

    def report(what: str, share: float) -> None:
        nonlocal told
        left.report(share)
        now = time.monotonic()
        if now - told < every:
            return
        told = now
        seconds = left.seconds()
        about = "" if seconds is None or share >= 1 else f", about {duration(seconds)} left"
        _line(console, f"{share:>4.0%} after {duration(now - begun)}{about}: {what}")

    _line(console, doing)
    yield report


def _line(console: Console, text: str) -> None:
    now = datetime.now(UTC).astimezone()
    console.print(f"{now:%Y-%m-%d %H:%M:%S} {text}", highlight=False, markup=False, soft_wrap=True)


@contextmanager
def _bar(console: Console, doing: str) -> Iterator[Report]:
    left = TimeLeft()
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn())
    with Progress(*columns, _LeftColumn(left), console=console, transient=True) as bar:
        task = bar.add_task(doing, total=1.0)

        def report(what: str, share: float) -> None:
            left.report(share)
            bar.update(task, description=what, completed=share)

        yield report


class _LeftColumn(ProgressColumn):
    """The time left, nothing while it cannot be told."""

    def __init__(self, left: TimeLeft) -> None:
        super().__init__()
        self._left = left

    def render(self, task: Task) -> Text:
        """Draw it."""
        seconds = self._left.seconds()
        if seconds is None or task.finished:
            return Text("")
        return Text(f"{duration(seconds)} left" if seconds >= 1 else "takes longer than guessed")

"""How far a long piece of work has come, as its function tells whoever waits for it.

What belongs here: the form of that message, and the share of a refresh that lies behind. What does not: how it is shown
(`cli_progress.py`).
"""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from orchestration.files import write_whole

Progress = Callable[[str, float], None]
"""What is done next or was done last, in a few words, and the share of all the work that lies behind, 0 to 1."""

FILE_NAME = "step_seconds.json"

# Seconds of the steps of the sample extracts: what steps cost against each other where no run on this warehouse tells.
# The first prefix that fits counts.
_USUAL = {
    "warehouse": 25.0,
    "purchases_for_valuation": 8.0,
    "identity_links": 4.0,
    "marts_gate": 3.0,
    "raw__": 1.5,
    "valuation": 2.0,
    "": 0.7,
}


def silent(_what: str, _share: float) -> None:
    """Tell nobody."""


class StepShares:
    """The share of a run that lies behind after each of its steps, by what each took in the last run.

    A night's steps take about as long as the night before; the first run goes by what steps usually cost.
    """

    def __init__(self, home: Path, steps: Sequence[str]) -> None:
        """Take the steps of a run that begins; `home` is the folder that keeps what they took."""
        self._file = home / FILE_NAME
        self._known = _read(self._file)
        self._waiting = list(steps)
        self._whole = sum(map(self._cost, steps))
        self._seconds: dict[str, float] = {}
        self._last = time.monotonic()

    def ended(self, step: str) -> float:
        """Note that a step ended; give the share of the run that lies behind."""
        now = time.monotonic()
        self._seconds[step], self._last = now - self._last, now
        if step in self._waiting:
            self._waiting.remove(step)
        return 1 - sum(map(self._cost, self._waiting)) / self._whole if self._whole else 1.0

    def keep(self) -> None:
        """Remember what each step took, for the next run; it is a guess of time, so a full disk may lose it."""
        seconds = {step: round(took, 2) for step, took in sorted({**self._known, **self._seconds}.items())}
        try:
            write_whole(self._file, json.dumps(seconds, indent=1) + "\n")
        except OSError:
            return

    def _cost(self, step: str) -> float:
        usual = next(cost for prefix, cost in _USUAL.items() if step.startswith(prefix))
        return max(self._known.get(step, usual), 0.01)


def _read(file: Path) -> dict[str, float]:
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        return {str(step): float(seconds) for step, seconds in kept.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}

"""What a benchmark was to show, beside what it found, on its page.

What belongs here: the table. What does not: the aims themselves, which stand with what is measured.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Aim:
    """One aim; `found` is None, and so is `holds`, where it was not measured."""

    what: str
    found: str | None = None
    holds: bool | None = None


def at_most(what: str, limit: float, found: float | None, unit: str = "") -> Aim:
    """An aim that a figure stays below or at a limit."""
    return Aim(what) if found is None else Aim(what, f"{found:,.2f}{unit}", found <= limit)


def at_least(what: str, limit: float, found: float | None, unit: str = "") -> Aim:
    """An aim that a figure reaches a limit."""
    return Aim(what) if found is None else Aim(what, f"{found:,.2f}{unit}", found >= limit)


def as_lines(aims: Sequence[Aim]) -> list[str]:
    """Markdown of the table, with what was not measured."""
    words = {True: "yes", False: "**no**", None: "not measured"}
    rows = [f"| {aim.what} | {aim.found or '–'} | {words[aim.holds]} |" for aim in aims]
    return ["## Aims", "", "| aim | found | holds |", "| --- | --- | --- |", *rows, ""]

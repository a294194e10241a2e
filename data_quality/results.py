"""The result of one check, in the shape that is stored, shown and compared over time.

What belongs here: the result and how examples are made safe to show. What does not: running checks
(`gx_runner.py`) or storing results (`orchestration/gates/store.py`).
"""

import re
from dataclasses import dataclass, field
from typing import Literal

Severity = Literal["error", "warn"]

# A key may itself be a phone number, an e-mail address or an ID-card number (shops do number their members by phone),
# so even keys are masked before they are shown.
_LONG_DIGITS = re.compile(r"[0-9０-９][0-9０-９ \-]{5,}[0-9０-９Xx]")
# A day of this century without hyphens, with or without a clock, that is no part of a number written in groups.
_COMPACT_DAY = re.compile(
    r"((?<![0-9])(?<![0-9]{3}[ -])20[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])"
    r"(?:(?:[01][0-9]|2[0-3])[0-5][0-9](?:[0-5][0-9])?)?(?![0-9])(?![ -][0-9]{3}))"
)
_EMAIL = re.compile(r"[^\s@|,;]+@[^\s@|,;]+")


@dataclass(frozen=True)
class CheckResult:
    """One check on one table in one run.

    `unexpected_rows` counts rows that break the check (0 when it passed; -1 when it could not be counted because the
    check itself could not run). `examples` are masked keys, never other values. `seconds` is this
    check's share of the time its table took.
    """

    check: str
    table: str
    severity: Severity
    passed: bool
    unexpected_rows: int
    observed: str
    examples: list[str] = field(default_factory=list)
    owner: str = ""
    why: str = ""
    seconds: float = 0.0

    @property
    def blocks(self) -> bool:
        """Whether this result keeps a version from being published."""
        return not self.passed and self.severity == "error"


def mask(text: str) -> str:
    """Hide whatever in a text could be a phone, e-mail address or ID-card number.

    Runs of seven or more digits keep their first two and last two, an address keeps its first character. Shorter
    numbers, and so line numbers, dates with hyphens aside, stay readable enough to find the row.
    """
    text = _EMAIL.sub(lambda found: f"{found[0][0]}***@***", text)
    return _LONG_DIGITS.sub(lambda found: found[0] if _is_date(found[0]) else _hide(found[0]), text)


def mask_path(text: str) -> str:
    """Mask the path of a file, or a sentence about it, as `mask`, but for days (20260305, with or without a clock).

    Exports bear their day in their names, and a file that is at fault has to be found by its name.
    """
    return "".join(part if _COMPACT_DAY.fullmatch(part) else mask(part) for part in _COMPACT_DAY.split(text))


def _hide(digits: str) -> str:
    return f"{digits[:2]}{'*' * (len(digits) - 4)}{digits[-2:]}"


def _is_date(text: str) -> bool:
    # Also with the hour that follows: what comes after it is no run of digits any more. A day that no calendar has is
    # what somebody may have to see.
    return re.fullmatch(r"(19|20)\d\d-\d\d-\d\d( [0-2]\d)?", text) is not None

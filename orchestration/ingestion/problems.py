"""Why a delivered file is quarantined as a whole: the reason codes and the exception that carries one.

What belongs here: the vocabulary that discovery, the readers and the raw store share, and how a fault of the machine is
told from a fault of the file. What does not: faults of rows
(`_row_error`, in framing).
"""

from dataclasses import dataclass
from typing import Literal

FileReason = Literal[
    "archive_bomb",
    "bad_delivery_date",
    "bad_encoding",
    "duplicate_column",
    "empty_file",
    "misplaced_file",
    "missing_key_column",
    "missing_required_column",
    "not_a_file",
    "outside_landing",
    "truncated_archive",
    "unknown_dataset",
    "unknown_source",
    "unreadable",
    "unsupported_format",
    "wrong_format",
]


@dataclass(frozen=True)
class FileProblem:
    """Why a file cannot be taken in, and a message that says what to do; it never holds a value of a row."""

    reason: FileReason
    message: str


class UnreadableFileError(Exception):
    """A delivered file goes to quarantine whole; `rows` is how many it holds, where that can be told, else 0."""

    def __init__(self, reason: FileReason, message: str, rows: int = 0) -> None:
        super().__init__(message)
        self.problem = FileProblem(reason, message)
        self.rows = rows

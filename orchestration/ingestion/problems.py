"""Why a delivered file is quarantined as a whole: the reason codes and the exception that carries one.

What belongs here: the vocabulary that discovery, the readers and the raw store share, and how a fault of the machine is
told from a fault of the file. What does not: faults of rows
(`_row_error`, in framing).
"""

import errno
from dataclasses import dataclass
from typing import Literal

import duckdb

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


_DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.ENOMEM}
# DuckDB says in words what the operating system said in numbers.
_DISK_WORDS = ("no space left", "could not write", "disk quota", "read-only file system", "max_temp_directory_size")


def is_machine_fault(error: BaseException) -> bool:
    """Say whether a full disk or memory is to blame, rather than the file that is being read."""
    if isinstance(error, duckdb.Error):
        words = str(error).casefold()
        return isinstance(error, duckdb.OutOfMemoryException) or any(word in words for word in _DISK_WORDS)
    return isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno in _DISK_ERRORS)

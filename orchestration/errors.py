"""Faults a user can cause and mend. Anything else is a bug and keeps its traceback."""

import errno
import sqlite3

import duckdb

_MACHINE_ERRNOS = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.ENOMEM}
# DuckDB and SQLite say in words what the operating system said in numbers.
_MACHINE_WORDS = (
    "no space left",
    "could not write",
    "disk quota",
    "read-only file system",
    "max_temp_directory_size",
    "disk is full",
    "disk i/o error",
)


class UserError(Exception):
    """A fault in the input, the settings or the machine that a person can mend.

    The message names the file, row or setting, the value, and what to do next. The CLI prints it
    without a traceback and exits with status 2; Dagster shows it as the reason of the failure.
    It never holds personal data.
    """


class WarehouseBusyError(UserError):
    """Another process holds the working database."""


def is_machine_fault(error: BaseException) -> bool:
    """Say whether a full disk or memory is to blame, rather than what was being done."""
    if isinstance(error, duckdb.OutOfMemoryException | MemoryError):
        return True
    if isinstance(error, duckdb.Error | sqlite3.Error):
        return any(word in str(error).casefold() for word in _MACHINE_WORDS)
    return isinstance(error, OSError) and error.errno in _MACHINE_ERRNOS


def machine_fault_behind(error: BaseException) -> BaseException | None:
    """The full disk or memory that an error was caused by, however deep, or None."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        if is_machine_fault(cause):
            return cause
        seen.add(id(cause))
        cause = cause.__cause__ or cause.__context__
    return None


def machine_fault(error: BaseException, doing: str) -> UserError:
    """The message for a full disk or memory: what failed, what stays, and what to do."""
    return UserError(
        f"{doing} failed: {str(error).splitlines()[0]}. Free disk space, or change C360_MEMORY_LIMIT, and run again. "
        "The published file stays as it was."
    )

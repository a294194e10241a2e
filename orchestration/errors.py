"""Faults a user can cause and mend. Anything else is a bug and keeps its traceback."""


class UserError(Exception):
    """A fault in the input, the settings or the machine that a person can mend.

    The message names the file, row or setting, the value, and what to do next. The CLI prints it
    without a traceback and exits with status 2; Dagster shows it as the reason of the failure.
    It never holds personal data.
    """


class WarehouseBusyError(UserError):
    """Another process holds the working database."""

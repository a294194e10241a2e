"""dbt runs in a process of its own; this lets that process end with the run that started it, even by `kill -9`.

What belongs here: the dbt-duckdb plugin that `profiles.yml` names. What does not: anything dbt builds.

Without it a killed run leaves its dbt behind, which goes on writing and keeps the next run out of the working database.
"""

import ctypes
import os
import signal
import sys
from typing import Any

from dbt.adapters.duckdb.plugins import BasePlugin

from orchestration.settings import RUN_PROCESS

_PR_SET_PDEATHSIG = 1


def follow(run_process: int) -> None:
    """Ask the kernel to end this process with its parent, `run_process`; end at once where that one is gone already.

    Does nothing in that process itself. Only Linux can be asked; elsewhere the next run says who holds the database.
    """
    if sys.platform != "linux" or os.getpid() == run_process:
        return
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != run_process:
        os._exit(1)


class Plugin(BasePlugin):
    """Follows the process that the variable `C360_RUN_PROCESS` names; a dbt that a person started has none.

    The variable is read here and not by the profile: dbt parses all anew whenever the profile's variables change.
    """

    def initialize(self, plugin_config: dict[str, Any]) -> None:
        """Take effect before the working database is opened."""
        run_process = os.environ.get(RUN_PROCESS)
        if run_process:
            follow(int(run_process))

"""How the explorer is started: Streamlit's own options, and that it is there at all.

What belongs here: the command line. What does not: the page (`app.py`).
"""

import importlib.util
import sys
from pathlib import Path

from orchestration.errors import UserError

# Only this machine may connect; nothing is told to Streamlit's makers; no file is watched, as the page follows versions
# by itself; and a fault shows its kind, never the values of a traceback.
_OPTIONS = {
    "server.address": "127.0.0.1",
    "server.headless": "true",
    "server.fileWatcherType": "none",
    "browser.gatherUsageStats": "false",
    "browser.serverAddress": "127.0.0.1",
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "type",
}


def command_line(role: str, port: int) -> list[str]:
    """The command that serves the page to one role at `http://127.0.0.1:<port>`.

    Raises:
        UserError: the extra `explore` is not installed.
    """
    if importlib.util.find_spec("streamlit") is None:
        raise UserError(
            "The explorer needs Streamlit, which is an extra: run `make explore`, or `uv sync --extra explore` once."
        )
    options = [f"--{name}={value}" for name, value in {**_OPTIONS, "server.port": str(port)}.items()]
    page = Path(__file__).with_name("app.py")
    return [sys.executable, "-m", "streamlit", "run", str(page), *options, "--", role]

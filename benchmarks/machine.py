"""The machine that a benchmark ran on, and the memory that a process and those below it hold.

What belongs here: facts of the machine as every results file tells them. What does not: what is measured on it.
"""

import os
import platform
import subprocess
import threading
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

_SAMPLED_EVERY = 0.2


def facts(*packages: str, **more: Any) -> dict[str, Any]:
    """What a results file says of its machine: cores, memory, versions of Python, DuckDB and other packages."""
    return {
        "cpus": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": platform.system(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        **{package: version(package) for package in ("duckdb", *packages)},
        **more,
    }


def in_words(machine: dict[str, Any]) -> str:
    """The facts as the head of a page tells them."""
    return (
        f"{machine['cpus']} cores, {machine['memory_gb']} GiB, Python {machine['python']}, DuckDB {machine['duckdb']}"
    )


def commit() -> str:
    """The version of the code that is measured, with a `+` where files differ from it; `unknown` outside of git."""
    try:
        told = subprocess.run(
            ["git", "describe", "--always", "--dirty=+"],  # noqa: S607 - wherever git is
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return told.stdout.strip()


class PeakMemory(threading.Thread):
    """Samples what a process and all below it hold, where /proc tells it; pages of files they map are left out."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        """Begin to sample; it ends with the process."""
        super().__init__(daemon=True)
        self.mb = 0
        self.samples: list[tuple[float, int]] = []
        """Moment (seconds since the epoch) and MB held then."""
        self._process = process
        self.start()

    def run(self) -> None:
        """Keep the largest sum seen."""
        while self._process.poll() is None:
            held = sum(_own_mb(pid) for pid in _tree(self._process.pid))
            self.samples.append((time.time(), held))
            self.mb = max(self.mb, held)
            time.sleep(_SAMPLED_EVERY)


def _tree(pid: int) -> list[int]:
    found = [pid]
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            found += [p for child in children.read_text().split() for p in _tree(int(child))]
        except OSError:  # the thread has ended meanwhile
            continue
    return found


def _own_mb(pid: int) -> int:
    try:
        resident, shared = Path(f"/proc/{pid}/statm").read_text().split()[1:3]
    except OSError:  # the process has ended meanwhile
        return 0
    return (int(resident) - int(shared)) * os.sysconf("SC_PAGE_SIZE") // 2**20

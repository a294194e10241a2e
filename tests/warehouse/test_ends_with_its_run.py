import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

# A run that starts a child as dagster-dbt does; the child prints its id once it follows.
RUN = textwrap.dedent(
    """
    import os, subprocess, sys
    child = "import os, time\\nfrom orchestration.warehouse.ends_with_its_run import Plugin\\n" \\
        "Plugin(name='p', plugin_config={})\\nprint(os.getpid(), flush=True)\\ntime.sleep(60)"
    environment = {**os.environ, "C360_RUN_PROCESS": sys.argv[1] or str(os.getpid())}
    sys.exit(subprocess.run([sys.executable, "-c", child], env=environment).returncode)
    """
)


def start(run_process: str = "") -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", RUN, run_process], stdout=subprocess.PIPE, text=True)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can tie a process to its parent")
def test_dbt_ends_with_a_run_that_is_killed_and_never_starts_without_one() -> None:
    killed, orphan = start(), start(run_process="1")
    assert killed.stdout is not None
    dbt = Path("/proc") / killed.stdout.readline().strip()
    killed.kill()
    killed.wait()
    deadline = time.monotonic() + 20
    while _runs(dbt) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _runs(dbt)
    assert orphan.wait(timeout=60) == 1


def _runs(process: Path) -> bool:
    try:
        return ") Z" not in (process / "stat").read_text()
    except OSError:
        return False

"""What a results file says of its machine, and the memory of a tree of processes."""

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from benchmarks.machine import PeakMemory, facts, in_words


def test_facts_name_the_machine_and_what_is_added() -> None:
    told = facts("splink", memory_limit="6GB")
    assert told["duckdb"] == duckdb.__version__
    assert told["memory_limit"] == "6GB"
    assert in_words(told).startswith(f"{told['cpus']} cores, ")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="only /proc tells the memory of other processes")
def test_the_memory_of_a_process_below_the_watched_one_counts() -> None:
    holds = "import time; held = b'1' * 80_000_000; time.sleep(1)"
    starts_it = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {holds!r}])"
    process = subprocess.Popen([sys.executable, "-c", starts_it])
    peak = PeakMemory(process)
    assert process.wait() == 0
    assert peak.mb > 70

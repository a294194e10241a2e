import os
import subprocess
import sys
import textwrap

import pytest

# Reads without pause until told to stop; every error and every mixed state is counted.
READER = textwrap.dedent(
    """
    import sys, pathlib, duckdb
    file, stop = sys.argv[1], pathlib.Path(sys.argv[2])
    reads, errors, mixed, seen = 0, 0, 0, set()
    while not stop.exists():
        try:
            with duckdb.connect(file, read_only=True, config={"temp_directory": sys.argv[2] + ".tmp"}) as con:
                a = con.execute("select min(round), max(round), count(*) from c360.marts.first").fetchone()
                b = con.execute("select min(round), max(round), count(*) from c360.marts.second").fetchone()
        except Exception as error:
            errors += 1
            print("error", error, file=sys.stderr)
            continue
        reads += 1
        mixed += not (a == b and a[0] == a[1] and a[2] == 20000)
        seen.add(a[0])
    print(reads, errors, mixed, len(seen))
    """
)


@pytest.mark.parametrize(
    ("readers", "publications"), [(2, 4), pytest.param(4, 20, marks=pytest.mark.slow)], ids=["short", "long"]
)
def test_readers_see_no_error_and_no_half_state_while_versions_change(
    settings, publish_now, change, tmp_path, readers, publications
):
    def next_round(number: int) -> None:
        for table in ("first", "second"):
            change(f"create or replace table marts.{table} as select {number} as round, i from range(20000) as t(i)")
        publish_now()

    next_round(0)
    stop = tmp_path / "stop"
    file = settings.serving_dir / "current" / "c360.duckdb"
    running = [
        subprocess.Popen(
            [sys.executable, "-c", READER, str(file), str(stop)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ},
        )
        for _ in range(readers)
    ]
    try:
        for number in range(1, publications + 1):
            next_round(number)
    finally:
        stop.touch()
        ended = [process.communicate(timeout=60) for process in running]
    counts = [[int(n) for n in out.split()] for out, _ in ended]
    assert all(errors == 0 and mixed == 0 for _, errors, mixed, _ in counts), [err[-500:] for _, err in ended]
    assert all(reads > publications for reads, *_ in counts)
    assert max(seen for *_, seen in counts) > 1

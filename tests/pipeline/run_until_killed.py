"""`c360 …` in a process that ends itself with SIGKILL in the middle of a chosen step.

    python run_until_killed.py JOURNAL STEP MOMENT DELAY command and options of c360

A *moment* is a statement to DuckDB, a change to a file, or an event of Dagster, in this process. The process is killed
`DELAY` seconds after the moment number `MOMENT` of `STEP`, or at the first moment after that step where it has fewer;
with the step `-` never. JOURNAL gets one line per moment: the step it belongs to.
"""

import os
import signal
import sys
import threading

import duckdb

CHANGES = {"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.symlink", "os.link", "os.truncate", "shutil.move"}


class Moments:
    """Counts what happens in each step, and kills the process at the chosen one."""

    def __init__(self, journal: str, step: str, moment: int, delay: float) -> None:
        self.journal = os.open(journal, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        self.chosen, self.moment, self.delay = step, moment, delay
        self.step = "start"
        self.counts: dict[str, int] = {}

    def count(self) -> None:
        os.write(self.journal, f"{self.step}\n".encode())
        self.counts[self.step] = self.counts.get(self.step, 0) + 1
        reached = self.counts.get(self.chosen, 0)
        if self.step == self.chosen and reached == self.moment:
            threading.Timer(self.delay, kill).start()
        elif self.step != self.chosen and reached:
            kill()


def kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main() -> None:
    journal, step, moment, delay, *arguments = sys.argv[1:]
    moments = Moments(journal, step, int(moment), float(delay))

    def heard(event: str, args: tuple[object, ...]) -> None:
        if event in CHANGES or (
            event == "open" and isinstance(args[2], int) and args[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        ):
            moments.count()

    execute = duckdb.DuckDBPyConnection.execute

    def counted_execute(con: duckdb.DuckDBPyConnection, *args: object, **options: object) -> object:
        moments.count()
        return execute(con, *args, **options)

    from orchestration.jobs import StepListener

    emit = StepListener.emit

    def counted_emit(listener: StepListener, record: object) -> None:
        event = getattr(record, "dagster_meta", {}).get("dagster_event")
        if event is not None and event.event_type_value == "STEP_START":
            moments.step = event.step_key
        moments.count()
        emit(listener, record)

    duckdb.DuckDBPyConnection.execute = counted_execute
    StepListener.emit = counted_emit
    sys.addaudithook(heard)
    sys.argv = ["c360", *arguments]
    from orchestration.cli import main as c360

    c360()


if __name__ == "__main__":
    main()

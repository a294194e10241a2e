"""One run at a time on one warehouse: a lock that dies with its process."""

import fcntl
import os
from pathlib import Path
from types import TracebackType

from orchestration.errors import UserError, WarehouseBusyError
from orchestration.settings import Settings


class RunLock:
    """An exclusive lock on the warehouse for the length of a run.

    The kernel drops it when the process ends, however it ends, so a killed run never blocks the next.
    """

    def __init__(self, settings: Settings) -> None:
        self._path: Path = settings.warehouse / "run.lock"
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            WarehouseBusyError: another run holds it; the message names its process.
            UserError: the warehouse folder cannot be written.
        """
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise UserError(
                f"The warehouse folder {self._path.parent} cannot be written: {error.strerror}. "
                "Check C360_WAREHOUSE, its permissions and the free disk space."
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 64, 0).decode(errors="replace").strip() or "unknown"
            os.close(descriptor)
            raise WarehouseBusyError(
                f"Another run (process {holder}) is refreshing the warehouse {self._path.parent}. "
                "Wait for it to end and run again; the published file is not affected."
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, str(os.getpid()).encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __enter__(self) -> "RunLock":
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

"""dbt inside this process: one command, told event by event.

What belongs here: starting dbt from Python, passing on what it says, stopping it. What does not: its arguments
(`runner.py`), and how Dagster shows what it did (`assets.py`).

A dbt program of its own pays its imports and a parse of every model each time it starts, which is most of what a small
refresh costs. Here a command starts from the manifest that `runner.prepare_manifest` keeps.
"""

import logging
import os
import queue
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb

from orchestration.errors import is_machine_fault, machine_fault

_SHOWN_LEVELS = ("info", "warn", "error")
_OUT_OF_MEMORY = "Out of Memory Error"
_FAILED = {"error", "runtime error"}
_ONLY_TESTS = ("--select", "resource_type:test", "--no-introspect", "--no-populate-cache")
_QUIET = ("--log-level", "none", "--log-level-file", "none", "--no-use-colors")


class DbtFailedError(Exception):
    """dbt did not succeed."""


def parse(arguments: Sequence[str], environment: Mapping[str, str]) -> None:
    """Read the project; `manifest.json`, with compiled tests, and `partial_parse.msgpack` go into dbt's target folder.

    Compiling tests reads no table, so no database is opened.

    Raises:
        DbtFailedError: dbt cannot read the project; the message is dbt's own.
    """
    with _exported(environment):
        result = _dbt_main().dbtRunner().invoke(["compile", *_ONLY_TESTS, *_QUIET, *arguments])
    if not result.success:
        raise _failure(_told(result))


def run(arguments: Sequence[str], environment: Mapping[str, str], parsed: Path) -> Iterator[dict[str, Any]]:
    """Run one dbt command on a manifest that was parsed before, and yield its events as they happen.

    Args:
        arguments: the command and its options.
        environment: variables that `profiles.yml` reads, set as long as dbt runs.
        parsed: the `partial_parse.msgpack` of these models.

    Yields:
        Events of level info and above, shaped as in dbt's JSON log; `info.msg` is printed too.

    Raises:
        DbtFailedError: a node failed, or dbt could not start.
        UserError: the disk is full or memory ran out.
    """
    main = _dbt_main()
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.contracts.graph.manifest import Manifest
    from dbt_common.events.base_types import EventMsg
    from dbt_common.events.functions import msg_to_dict

    events: queue.SimpleQueue[EventMsg | None] = queue.SimpleQueue()
    results: list[Any] = []

    def take(event: EventMsg) -> None:
        if event.info.level in _SHOWN_LEVELS:
            events.put(event)

    def work() -> None:
        try:
            # Read anew each time, because compiling changes it.
            manifest = Manifest.from_msgpack(parsed.read_bytes())
            results.append(main.dbtRunner(manifest=manifest, callbacks=[take]).invoke([*arguments, *_QUIET]))
        finally:
            events.put(None)

    with _exported(environment):
        worker = threading.Thread(target=work, name="dbt", daemon=True)
        worker.start()
        try:
            while (event := events.get()) is not None:
                told = msg_to_dict(event)
                print(told["info"]["msg"], flush=True)  # noqa: T201 - who runs dbt decides where its lines go
                yield told
        except BaseException:
            _break_off(worker)
            raise
        else:
            worker.join()
        finally:
            # The next step opens the file with settings of its own, which DuckDB refuses beside an open connection.
            # dbt only forgets its environment: after a run broken off, errors it holds on to keep the file open.
            if DuckDBConnectionManager._ENV is not None:
                DuckDBConnectionManager._ENV.close()
            DuckDBConnectionManager.close_all_connections()  # type: ignore[no-untyped-call]
    if not results:
        raise DbtFailedError("dbt ended without a result; its log has more.")
    if not results[0].success:
        raise _failure(_told(results[0]))


def _dbt_main() -> Any:
    """Import dbt's entry point; the tracker it brings along would otherwise print every log line of this process."""
    handlers = list(logging.root.handlers)
    import dbt.cli.main

    logging.root.handlers[:] = handlers
    return dbt.cli.main


def _break_off(worker: threading.Thread) -> None:
    """Interrupt the queries of dbt until it gives up; it starts no model whose parents failed."""
    from dbt.adapters.factory import FACTORY

    while worker.is_alive():
        adapters: list[Any] = list(FACTORY.adapters.values())
        for adapter in adapters:
            with suppress(duckdb.ConnectionException):  # closed in between
                adapter.cancel_open_connections()
        worker.join(timeout=0.2)


def _told(result: Any) -> str:
    """What dbt says of a failure: why it could not start, or the first nodes that failed."""
    if result.exception is not None:
        return str(result.exception)
    failed = [node for node in result.result.results if str(node.status) in (*_FAILED, "fail")]
    broken = [node for node in failed if str(node.status) in _FAILED]
    return "\n".join(f"{node.node.name}: {node.message}" for node in (broken or failed)[:5])


def _failure(message: str) -> Exception:
    """The error of a message of dbt, which quotes DuckDB in words only."""
    told = duckdb.OutOfMemoryException(message) if _OUT_OF_MEMORY in message else duckdb.Error(message)
    if is_machine_fault(told):
        return machine_fault(told, "Building the models")
    return DbtFailedError(message)


@contextmanager
def _exported(variables: Mapping[str, str]) -> Iterator[None]:
    """Set environment variables while dbt runs: profiles.yml reads nothing else."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value

"""How dbt is called: its arguments, its environment, and the manifest Dagster reads.

What belongs here: pure builders of arguments and environments, and keeping the manifest fresh. What does
not: Dagster (`assets.py`), and any rule about customers (`models/`, `seeds/policy`).
"""

import hashlib
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb

from orchestration.database import close_kept, memory_bytes, memory_limit
from orchestration.errors import UserError
from orchestration.increment import Increment
from orchestration.settings import Settings
from orchestration.warehouse import dbt_process
from orchestration.warehouse.policy_checks import check_policies
from orchestration.warehouse.rule_tables import read_rules, write_rule_steps

PROJECT_DIR_NAME = "dbt_project"
_MANIFEST_INPUTS = (
    "dbt_project/*.yml",
    "dbt_project/macros/**/*.sql",
    "dbt_project/tests/**/*.sql",
    "models/**/*.sql",
    "models/**/*.yml",
    "seeds/policy/*",
    "seeds/reference/*.csv",
    "seeds/reference/*.yml",
    "orchestration/warehouse/dbt_process.py",
)
# Working database to memory limit from which models are built one at a time. Side by side models of ten million lines
# (6 GB, a limit of 4.7) spill, three times as long each; of a million lines they take a ninth less than one by one.
_LARGE = 0.5
_PARSED = "partial_parse.msgpack"


def project_dir(settings: Settings) -> Path:
    """Folder of `dbt_project.yml`."""
    return settings.root / PROJECT_DIR_NAME


def target_dir(settings: Settings) -> Path:
    """Folder of dbt's run artefacts: with the warehouse, so that two warehouses never share one."""
    return settings.warehouse.resolve() / "dbt"


def manifest_path(settings: Settings) -> Path:
    """The manifest of this checkout; it depends on the models, never on a warehouse."""
    return project_dir(settings) / "target" / "manifest.json"


def dbt_executable() -> str:
    """The dbt of this environment, whatever PATH says.

    Raises:
        UserError: dbt is not installed beside the Python that runs this.
    """
    beside = Path(sys.executable).parent / "dbt"
    found = str(beside) if beside.exists() else shutil.which("dbt")
    if found is None:
        raise UserError(f"dbt is not installed beside {sys.executable}: run `make install` and try again.")
    return found


def variables(
    as_of: date | None, increment: Increment | None = None, counted_until: date | None = None
) -> dict[str, str]:
    """The dbt variables of a run."""
    found = {"as_of": as_of, "increment": increment, "counted_until": counted_until}
    return {name: str(value) for name, value in found.items() if value}


def build_arguments(
    as_of: date | None,
    *,
    only_models: bool = False,
    unit_tests: bool = False,
    select: Sequence[str] = (),
    increment: Increment | None = None,
    counted_until: date | None = None,
) -> list[str]:
    """Arguments of `dbt build`, or of `dbt run` for models alone.

    Args:
        as_of: business day to evaluate at its end; None leaves it to the newest delivery.
        only_models: neither seeds nor tests.
        unit_tests: run dbt's unit tests too. They prove the SQL, not the data, so the nightly run leaves them out.
        select: dbt selectors; none selects everything.
        increment: what the run decided is due (`orchestration.increment`); None where it decided nothing.
        counted_until: the day up to which everybody who is not due has been counted.
    """
    arguments = ["run" if only_models else "build", "--warn-error"]
    if found := variables(as_of, increment, counted_until):
        arguments += ["--vars", json.dumps(found)]
    if not unit_tests and not only_models:
        arguments += ["--exclude-resource-type", "unit_test"]
    if select:
        arguments += ["--select", *select]
    return arguments


def command_line(settings: Settings, arguments: Sequence[str]) -> list[str]:
    """A dbt command with this project's folders, for a person's own arguments (`docs generate`, `seed`, …)."""
    return [dbt_executable(), *arguments, *folders(settings), "--target-path", str(target_dir(settings))]


def folders(settings: Settings) -> list[str]:
    """Options that name the project and its profile."""
    folder = str(project_dir(settings))
    return ["--project-dir", folder, "--profiles-dir", folder]


def environment(settings: Settings) -> dict[str, str]:
    """What `dbt_project/profiles.yml` reads, from the settings: absolute paths and explicit limits."""
    return {
        "C360_WAREHOUSE": str(settings.warehouse.resolve()),
        "C360_TIMEZONE": settings.timezone,
        "C360_THREADS": str(settings.threads or os.cpu_count() or 1),
        "C360_MEMORY_LIMIT": memory_limit(settings),
        "DO_NOT_TRACK": "1",
    }


def models_at_once(settings: Settings) -> int:
    """How many models are built side by side: two, but one where the working database is large for the memory.

    DuckDB's limit is for all queries together, and two that sum up a million customers each want more than it: they
    spill to disk, and where even that does not help, they end.
    """
    size = settings.database.stat().st_size if settings.database.exists() else 0
    return 1 if size > _LARGE * memory_bytes(settings) else 2


def parsed_path(settings: Settings) -> Path:
    """The same manifest as dbt itself loads it, beside the other."""
    return manifest_path(settings).with_name(_PARSED)


def prepare_manifest(settings: Settings) -> Path:
    """Parse the dbt project, and compile its tests, where the manifest is older than a model, macro, seed or setting.

    Returns:
        Path of a manifest that fits the files of the checkout. Takes milliseconds when nothing changed,
        some seconds otherwise.

    Raises:
        UserError: a policy table is wrong, or dbt cannot parse the project; the message holds dbt's own.
    """
    fingerprint = _fingerprint(settings.root)
    _check_once(settings.policy_dir, settings.reference_dir, settings.root / "models", fingerprint)
    manifest = manifest_path(settings)
    stamp = manifest.with_suffix(".stamp")
    files = (manifest, parsed_path(settings), stamp)
    if all(path.exists() for path in files) and stamp.read_text(encoding="utf-8") == fingerprint:
        return manifest
    manifest.parent.mkdir(parents=True, exist_ok=True)
    # Parsed aside and moved, so a process that reads the manifest meanwhile never sees half of it.
    with tempfile.TemporaryDirectory(dir=manifest.parent, prefix="parse-") as scratch:
        _parse(settings, Path(scratch))
        for name in (_PARSED, manifest.name):
            (Path(scratch) / name).replace(manifest.with_name(name))
        written = Path(scratch) / "stamp"
        written.write_text(fingerprint, encoding="utf-8")
        written.replace(stamp)
    return manifest


@lru_cache(maxsize=1)
def _check_once(policy_dir: Path, reference_dir: Path, models_dir: Path, _fingerprint: str) -> None:
    """Check the policies once per process and state of the files: a run and the code location both ask."""
    check_policies(policy_dir, reference_dir, models_dir)


def run_dbt(settings: Settings, arguments: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Run a dbt command on this warehouse inside this process; yields its events (see `dbt_process.run`).

    The models are those of the last `prepare_manifest`. No other connection of this process may have the working
    database open.
    """
    close_kept()
    target = target_dir(settings)
    target.mkdir(parents=True, exist_ok=True)
    settings.temp_dir.mkdir(parents=True, exist_ok=True)
    paths = ["--target-path", str(target), "--log-path", str(target)]
    # Dagster keeps what the artefacts would say, and writing the manifest again costs more than a dozen models.
    options = ["--no-write-json", "--threads", str(models_at_once(settings)), *folders(settings), *paths]
    yield from dbt_process.run([*arguments, *options], environment(settings), parsed_path(settings))


def write_rules(con: duckdb.DuckDBPyConnection, settings: Settings) -> int:
    """Check the rules of the policy tables and write their steps into the working database, before dbt reads them.

    Returns:
        The number of steps.

    Raises:
        UserError: a rule is wrong.
    """
    return write_rule_steps(con, read_rules(settings.policy_dir, settings.root / "models"))


def _parse(settings: Settings, target: Path) -> None:
    """Have dbt read the project into `target`."""
    arguments = [
        "--no-partial-parse",
        "--warn-error",
        *folders(settings),
        "--target-path",
        str(target),
        "--log-path",
        str(target),
    ]
    try:
        dbt_process.parse(arguments, environment(settings))
    except dbt_process.DbtFailedError as error:
        raise UserError(f"dbt cannot read the models or policies:\n{_last_lines(str(error))}") from error


def merged(base: Mapping[str, str], ours: Mapping[str, str]) -> dict[str, str]:
    """A process environment: `ours` over `base`."""
    return {**base, **ours}


def _last_lines(text: str, count: int = 15) -> str:
    return "\n".join(text.strip().splitlines()[-count:])


def _fingerprint(root: Path) -> str:
    """Hash of names, sizes and times of everything the manifest depends on, and of dbt's version."""
    digest = hashlib.sha256(f"{version('dbt-core')}|{version('dbt-duckdb')}\n".encode())
    for pattern in _MANIFEST_INPUTS:
        for path in sorted(root.glob(pattern)):
            state = path.stat()
            digest.update(f"{path.relative_to(root)}|{state.st_size}|{state.st_mtime_ns}\n".encode())
    return digest.hexdigest()

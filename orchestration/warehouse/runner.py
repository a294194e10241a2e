"""How dbt is called: its arguments, its environment, and the manifest Dagster reads.

What belongs here: pure builders of arguments and environments, and keeping the manifest fresh. What does
not: Dagster (`assets.py`), and any rule about customers (`models/`, `seeds/policy`).
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from orchestration.database import connect
from orchestration.errors import UserError
from orchestration.settings import Settings
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
)
_SHARE_OF_MEMORY = 0.6  # dbt shares the machine with the process that started it


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


def variables(as_of: date | None) -> dict[str, str]:
    """The dbt variables of a run."""
    return {"as_of": as_of.isoformat()} if as_of else {}


def build_arguments(as_of: date | None, *, unit_tests: bool = False, select: Sequence[str] = ()) -> list[str]:
    """Arguments of `dbt build`.

    Args:
        as_of: business day to evaluate at its end; None leaves it to the newest delivery.
        unit_tests: run dbt's unit tests too. They prove the SQL, not the data, so the nightly run leaves them out.
        select: dbt selectors; none selects everything.
    """
    arguments = ["build", "--warn-error"]
    if variables(as_of):
        arguments += ["--vars", json.dumps(variables(as_of))]
    if not unit_tests:
        arguments += ["--exclude-resource-type", "unit_test"]
    if select:
        arguments += ["--select", *select]
    return arguments


def command_line(settings: Settings, arguments: Sequence[str]) -> list[str]:
    """A dbt command with this project's folders, for a person's own arguments (`docs generate`, `seed`, …)."""
    folder = str(project_dir(settings))
    target = str(target_dir(settings))
    return [dbt_executable(), *arguments, "--project-dir", folder, "--profiles-dir", folder, "--target-path", target]


def environment(settings: Settings) -> dict[str, str]:
    """What `dbt_project/profiles.yml` reads, from the settings: absolute paths and explicit limits."""
    return {
        "C360_WAREHOUSE": str(settings.warehouse.resolve()),
        "C360_TIMEZONE": settings.timezone,
        "C360_THREADS": str(settings.threads or os.cpu_count() or 1),
        "C360_MEMORY_LIMIT": settings.memory_limit or _default_memory_limit(),
        "DO_NOT_TRACK": "1",
    }


def _default_memory_limit() -> str:
    """A share of the machine's memory, because the profile cannot leave the limit out."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"{int(total * _SHARE_OF_MEMORY / 2**20)}MiB"


def prepare_manifest(settings: Settings) -> Path:
    """Parse the dbt project where its manifest is absent or older than a model, macro, seed or setting.

    Returns:
        Path of a manifest that fits the files of the checkout. Takes milliseconds when nothing changed,
        some seconds otherwise.

    Raises:
        UserError: a policy table is wrong, or dbt cannot parse the project; the message holds dbt's own.
    """
    check_policies(settings.policy_dir, settings.reference_dir, settings.root / "models")
    manifest = manifest_path(settings)
    stamp = manifest.with_suffix(".stamp")
    fingerprint = _fingerprint(settings.root)
    if manifest.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == fingerprint:
        return manifest
    manifest.parent.mkdir(parents=True, exist_ok=True)
    # Parsed aside and moved, so a process that reads the manifest meanwhile never sees half of it.
    with tempfile.TemporaryDirectory(dir=manifest.parent, prefix="parse-") as scratch:
        _parse(settings, Path(scratch))
        (Path(scratch) / "manifest.json").replace(manifest)
        written = Path(scratch) / "stamp"
        written.write_text(fingerprint, encoding="utf-8")
        written.replace(stamp)
    return manifest


def write_rules(settings: Settings) -> int:
    """Check the rules of the policy tables and write their steps into the working database, before dbt reads them.

    Returns:
        The number of steps.

    Raises:
        UserError: a rule is wrong, or the database cannot be written.
    """
    rules = read_rules(settings.policy_dir, settings.root / "models")
    with connect(settings) as con:
        return write_rule_steps(con, rules)


def _parse(settings: Settings, target: Path) -> None:
    """Run `dbt parse` into `target`."""
    folder = project_dir(settings)
    command = [dbt_executable(), "--no-use-colors", "parse", "--no-partial-parse"]
    command += ["--project-dir", str(folder), "--profiles-dir", str(folder)]
    command += ["--target-path", str(target), "--log-path", str(target)]
    done = subprocess.run(  # noqa: S603 - arguments are our own
        command, env=merged(os.environ, environment(settings)), capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise UserError(f"dbt cannot read the models or policies:\n{_last_lines(done.stdout or done.stderr)}")


def merged(base: Mapping[str, str], ours: Mapping[str, str]) -> dict[str, str]:
    """A process environment: `ours` over `base`."""
    return {**base, **ours}


def _last_lines(text: str, count: int = 15) -> str:
    return "\n".join(text.strip().splitlines()[-count:])


def _fingerprint(root: Path) -> str:
    """Hash of names, sizes and times of everything the manifest depends on."""
    digest = hashlib.sha256()
    for pattern in _MANIFEST_INPUTS:
        for path in sorted(root.glob(pattern)):
            state = path.stat()
            digest.update(f"{path.relative_to(root)}|{state.st_size}|{state.st_mtime_ns}\n".encode())
    return digest.hexdigest()

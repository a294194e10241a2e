"""Write, audit, publish: a version is built aside, checked as built, and only then shown to readers.

What belongs here: the order of these steps and what happens when one fails. What does not: the content
(`build.py`), what is checked (`data_quality/suites`), the link (`versions.py`).
"""

import os
import secrets
import shutil
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from data_quality.contract import load_contracts
from data_quality.results import CheckResult
from data_quality.suite import Suite, load_suites
from orchestration import database
from orchestration.errors import UserError
from orchestration.files import sha256_of
from orchestration.gates.conservation import MARTS_TO_PUBLISHED, balance_published, imbalances
from orchestration.gates.gate import check_stage
from orchestration.gates.report import REPORT_NAME, write_report
from orchestration.gates.store import refusals, tally
from orchestration.publication.build import STORAGE_VERSION, build_file, tables_to_publish
from orchestration.publication.manifest import FILE_NAME, Manifest, write_manifest
from orchestration.publication.policy import load_policy
from orchestration.publication.rollback import hold_in_force, log_switch
from orchestration.publication.versions import (
    BUILDING_SUFFIX,
    VERSIONS,
    Version,
    current_version,
    new_version_id,
    remove_leftovers,
    remove_old,
    serving_lock,
    switch_to,
    sync_folder,
)
from orchestration.settings import Settings

GATES = ("raw", "clean", "identity", "marts")
AUDIT = "published"

# What a full disk, a lost mount or a missing permission looks like; anything else is a bug and keeps its traceback.
_MACHINE_FAULTS = (OSError, duckdb.IOException, duckdb.OutOfMemoryException, duckdb.FatalException)

OnAudit = Callable[[Suite, Sequence[CheckResult]], None]


def publish(
    settings: Settings, *, as_of: date, run_id: str, fingerprint: str, on_audit: OnAudit | None = None
) -> Version:
    """Publish the working database's marts as a new version that readers see at once and whole.

    Args:
        settings: Names the warehouse.
        as_of: The business day the marts were evaluated at.
        run_id: The Dagster run.
        fingerprint: Checksum of the inputs, kept in the manifest.
        on_audit: Told what the checks on the built file found, before anything is decided.

    Returns:
        The version that `serving/current` now points at.

    Raises:
        UserError: a blocking check failed or has not run, a rollback holds publication back, a table is missing, or
            the disk is full. Whatever it was, `current` still points where it did.
    """
    suites = load_suites()
    with serving_lock(settings):
        _refuse_what_was_taken_back(settings, fingerprint)
        remove_leftovers(settings)
        now = datetime.now(UTC)
        version_id = new_version_id(settings, now, secrets.token_hex(3))
        folder = settings.serving_dir / VERSIONS / f".{version_id}{BUILDING_SUFFIX}"
        policy = load_policy(settings.policy_dir / "publication.csv", as_of)
        previous = current_version(settings)
        doing = "making its folder"
        try:
            folder.mkdir()
            doing = "writing its tables"
            with database.connect(settings, read_only=True) as connection:
                gates = [suites[g] for g in GATES if g in suites]
                _refuse_unless_gates_passed(connection, settings, gates)
                passed, warned = tally(connection, gates)
                tables = tables_to_publish(connection)
                try:
                    built = build_file(
                        connection,
                        folder / FILE_NAME,
                        tables,
                        earlier=(previous.file, previous.manifest) if previous else None,
                        most_carried=policy.whole_file_after,
                    )
                except _MACHINE_FAULTS as error:
                    # Told here, before the connection takes it for a fault of the working database.
                    raise _not_published(settings, version_id, doing, error) from error
            doing = "making the file durable"
            manifest = Manifest(
                version=version_id,
                as_of=as_of,
                created_at=now,
                run_id=run_id,
                fingerprint=fingerprint,
                rows=built.rows,
                bytes=(folder / FILE_NAME).stat().st_size,
                sha256=_seal(folder / FILE_NAME),
                duckdb_version=duckdb.__version__,
                storage_version=STORAGE_VERSION,
                making=built.making,
            )
            doing = "checking the file as built"
            results = _audit(settings, suites[AUDIT], folder / FILE_NAME, built.rows, run_id, as_of, on_audit)
            _refuse_unless_audited(settings, results)
            if sha256_of(folder / FILE_NAME) != manifest.sha256:
                raise UserError(
                    f"Version {version_id} was not published: its file {folder / FILE_NAME} changed while it was "
                    "checked. Nothing but this run may write there; find out what did, and run c360 refresh again. "
                    f"{_still_there(settings)}"
                )
            doing = "writing its manifest"
            manifest = manifest.model_copy(
                update={
                    "checks_passed": passed + sum(r.passed for r in results),
                    "checks_warned": warned + sum(not r.passed for r in results),
                }
            )
            write_manifest(folder, manifest)
            doing = "writing the report on its quality"
            with database.connect(settings, read_only=True) as connection:
                title = f"Quality of version {version_id}"
                write_report(connection, folder / REPORT_NAME, run_id=run_id, as_of=as_of, title=title)
            sync_folder(folder)
            final = folder.with_name(version_id)
            folder.rename(final)
            sync_folder(final.parent)
        except _MACHINE_FAULTS as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise _not_published(settings, version_id, doing, error) from error
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        version = Version(id=version_id, path=final, manifest=manifest)
        switch_to(settings, version)
        seen = previous.id if previous else None
        log_switch(settings, "publish", version.id, seen, by=f"run {run_id}", why="all gates passed")
        remove_old(settings, policy, now)
    return version


def _not_published(settings: Settings, version_id: str, doing: str, error: BaseException) -> UserError:
    return UserError(
        f"Version {version_id} was not published: {doing} failed ({_first_line(error)}). Check the free space "
        f"and permissions of {settings.serving_dir} and run c360 refresh again. {_still_there(settings)}"
    )


def _refuse_what_was_taken_back(settings: Settings, fingerprint: str) -> None:
    hold = hold_in_force(settings)
    refusal = hold.refuses(fingerprint) if hold else None
    if refusal:
        raise UserError(f"Nothing was published: {refusal}")


def _refuse_unless_gates_passed(
    connection: duckdb.DuckDBPyConnection, settings: Settings, suites: Sequence[Suite]
) -> None:
    """Look at what the gates stored, whatever the orchestrator made of it."""
    refused = refusals(connection, suites)
    if refused:
        shown = "; ".join(f"{r.stage}: {r.check} on {r.table} ({r.reason})" for r in refused[:5])
        more = f" and {len(refused) - 5} more" if len(refused) > 5 else ""
        raise UserError(
            f"Nothing was published: {len(refused)} blocking check(s) stand against it: {shown}{more}. "
            f"quality.check_results has rows and examples. {_still_there(settings)}"
        )


def _audit(
    settings: Settings,
    suite: Suite,
    file: Path,
    rows: dict[str, int],
    run_id: str,
    as_of: date,
    on_audit: OnAudit | None,
) -> list[CheckResult]:
    """Check the built file: its own suite, and rows, keys and amounts against the working database."""
    results = check_stage(settings, suite, run_id, as_of=as_of, file=file)
    if on_audit:
        on_audit(suite, results)
    with database.connect(settings) as connection:
        balance_published(connection, file, rows, load_contracts(settings.contracts_dir).values(), as_of)
        lost = imbalances(connection, MARTS_TO_PUBLISHED)
    if lost:
        # Nothing but copying lies between the two sides, so this is a bug or a broken disk and keeps its traceback.
        raise RuntimeError("The built file is not what the warehouse holds: " + "; ".join(i.message for i in lost[:5]))
    return results


def _refuse_unless_audited(settings: Settings, results: Sequence[CheckResult]) -> None:
    failed = [r for r in results if r.blocks]
    if failed:
        shown = "; ".join(f"{r.check} ({r.observed}; {', '.join(r.examples) or r.table})" for r in failed[:5])
        raise UserError(f"Nothing was published: the built file failed {shown}. {_still_there(settings)}")


def _seal(file: Path) -> str:
    """Make the file read-only and durable; returns its checksum."""
    file.chmod(0o444)
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return sha256_of(file)


def _still_there(settings: Settings) -> str:
    current = current_version(settings)
    return f"Readers still see version {current.id}." if current else "Nothing was published before."


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__

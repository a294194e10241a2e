"""Letting readers see an earlier version again, and keeping the one that was taken back from returning unseen.

What belongs here: the switch back, the hold it leaves, the log of all switches. What does not: the link itself
(`versions.py`), and the refresh that asks whether it may publish (`plan.py`, `publish.py`).

A rollback leaves a *hold* (`serving/hold.json`): what made the versions that were taken back would make them again, so
no refresh publishes from the same inputs and rules (docs/decisions/0006-a-rollback-holds.md). The hold is in force as
long as `current` is the version it names, and is written before the switch: a rollback that is cut short between
the two changes nothing.
"""

import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import BaseModel, ConfigDict, ValidationError

from orchestration.errors import UserError
from orchestration.files import write_whole
from orchestration.publication.versions import (
    Version,
    current_version,
    find_version,
    list_versions,
    serving_lock,
    switch_to,
    verify,
)
from orchestration.settings import Settings

HOLD_FILE = "hold.json"
LOG_FILE = "switches.jsonl"


class TakenBack(BaseModel):
    """A version that readers saw and shall not see again; `fingerprint` is of the inputs that made it."""

    model_config = ConfigDict(frozen=True)

    version: str
    fingerprint: str


class Hold(BaseModel):
    """Why readers see `version` although newer ones were published; `at` is UTC, `pinned`: whatever may change."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    version: str
    taken_back: list[TakenBack]
    pinned: bool
    by: str
    why: str
    at: datetime

    def refuses(self, fingerprint: str) -> str | None:
        """Why inputs with this fingerprint may not be published now; None where they may."""
        told = f"version {self.version} was put back by {self.by} on {self.at:%Y-%m-%d} ({self.why})"
        if self.pinned:
            return f"{told} and pinned; `c360 refresh --publish` takes the pin away."
        same = next((t for t in reversed(self.taken_back) if t.fingerprint == fingerprint), None)
        if same is None:
            return None
        return (
            f"{told}, and inputs and rules are still those of {same.version}, which was taken back. Mend the "
            "delivery or the rule and refresh, or `c360 refresh --publish` to publish it all the same."
        )


@dataclass(frozen=True)
class Switch:
    """One line of the log: which version readers were given, when (UTC), by what, by whom and why."""

    at: datetime
    action: str
    version: str
    previous: str | None
    by: str
    why: str


def rollback(settings: Settings, wanted: str | None, *, by: str, why: str, pin: bool = False) -> Version:
    """Let readers see an earlier version again, or a later one.

    Args:
        settings: Names the warehouse.
        wanted: Id of a version or its beginning; None is the one before the one readers see.
        by: Who decides.
        why: The reason, kept in the log.
        pin: Publish nothing until the pin is taken away, not even from other inputs.

    Raises:
        UserError: there is no such version, or its file is no longer what its manifest says.
    """
    # Named before waiting for a publication that is under way: "the one before" means before what is seen now.
    target = find_version(settings, wanted or "previous")
    with serving_lock(settings):
        version = find_version(settings, target.id)
        verify(version)
        previous = current_version(settings)
        newer = [v for v in list_versions(settings) if v.id > version.id]
        if newer or pin:
            hold = Hold(
                version=version.id,
                taken_back=[TakenBack(version=v.id, fingerprint=v.manifest.fingerprint) for v in newer],
                pinned=pin,
                by=by,
                why=why,
                at=datetime.now(UTC),
            )
            write_whole(settings.serving_dir / HOLD_FILE, hold.model_dump_json(indent=1) + "\n")
        switch_to(settings, version)
        if not (newer or pin):
            (settings.serving_dir / HOLD_FILE).unlink(missing_ok=True)
        log_switch(settings, "rollback", version.id, previous.id if previous else None, by=by, why=why)
    return version


def hold_in_force(settings: Settings) -> Hold | None:
    """The hold that a rollback left, while readers still see the version it names.

    Raises:
        UserError: the file of the hold is damaged.
    """
    path = settings.serving_dir / HOLD_FILE
    try:
        hold = Hold.model_validate_json(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except ValidationError as error:
        raise UserError(
            f"{path} cannot be read, so nobody knows which version was taken back. Run c360 rollback again, or delete "
            "the file to publish whatever comes."
        ) from error
    current = current_version(settings)
    return hold if current is not None and current.id == hold.version else None


def release_hold(settings: Settings, *, by: str, why: str) -> Hold | None:
    """Let the next refresh publish again; the hold that was in force, None where there was none."""
    with serving_lock(settings):
        hold = hold_in_force(settings)
        (settings.serving_dir / HOLD_FILE).unlink(missing_ok=True)
        if hold is not None:
            log_switch(settings, "release_hold", hold.version, hold.version, by=by, why=why)
    return hold


def log_switch(settings: Settings, action: str, version: str, previous: str | None, *, by: str, why: str) -> None:
    """Add a line to `serving/switches.jsonl`."""
    line = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "action": action,
        "version": version,
        "previous": previous,
        "by": by,
        "why": why,
    }
    descriptor = os.open(settings.serving_dir / LOG_FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(descriptor, (json.dumps(line, ensure_ascii=False) + "\n").encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def switches(settings: Settings) -> list[Switch]:
    """Every switch of readers from one version to another, newest first; a line that was cut short is left out."""
    path = settings.serving_dir / LOG_FILE
    if not path.exists():
        return []
    found: list[Switch] = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            told = json.loads(line)
            at = datetime.fromisoformat(told["at"])
            found.append(Switch(at, *(told[key] for key in ("action", "version", "previous", "by", "why"))))
        except (ValueError, KeyError, TypeError):
            continue
    return found[::-1]

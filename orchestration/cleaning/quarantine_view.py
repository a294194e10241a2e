"""The quarantine as a person sees it: entries by filter, with masked examples, and what may be done with each.

What belongs here: choosing entries, masking what they hold, and turning a person's choice into decisions. What does
not: building the table (`quarantine.py`), and how decisions bind a run (`releases.py`).
"""

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from typing import Any

import duckdb

from data_quality.contract import Contract, load_contracts
from data_quality.results import mask, mask_path
from orchestration.cleaning import null_tokens
from orchestration.cleaning.releases import (
    EntryDecision,
    Verdict,
    append_decisions,
    faults_after,
    read_decisions,
)
from orchestration.database import table_exists
from orchestration.errors import UserError
from orchestration.ingestion.raw_store import forget_file
from orchestration.settings import Settings

STATUSES = ("open", "released", "discarded")


@dataclass(frozen=True)
class Choice:
    """Which entries: all that fit every part that is given."""

    entries: Sequence[str] = ()
    dataset: str | None = None
    reason: str | None = None
    file: str | None = None
    status: str | None = "open"


@dataclass(frozen=True)
class Entry:
    """One entry of `quality.quarantine`; `content` is as delivered and never shown unmasked."""

    entry_id: str
    source: str | None
    dataset: str | None
    delivery_date: date | None
    file: str
    line_number: int | None
    level: str
    reasons: list[str]
    status: str
    resolution: str | None
    resolved_on: date | None
    message: str | None = None
    content: Mapping[str, str] = field(repr=False, default_factory=dict)

    @property
    def contract(self) -> Contract | None:
        """The contract it broke, where its dataset is known."""
        return load_contracts().get(f"{self.source}_{self.dataset}")

    def masked(self, *, whole: bool = False) -> dict[str, str]:
        """The delivered values, masked; without `whole` only those at fault."""
        at_fault = {reason.partition(":")[2] for reason in self.reasons} - {""}
        rules = self.contract.row_rules if self.contract else []
        at_fault |= {n for r in rules if r.code in self.reasons for n in (r.column, r.earlier)}
        return {
            name: masked_value(self.contract, name, value)
            for name, value in self.content.items()
            if whole or name in at_fault
        }

    def as_data(self, *, whole: bool = False) -> dict[str, Any]:
        """Everything that may be shown."""
        shown = {name: value for name, value in asdict(self).items() if name != "content"}
        message = mask_path(self.message) if self.message else None
        return shown | {"file": mask_path(self.file), "message": message, "values_masked": self.masked(whole=whole)}


def masked_value(contract: Contract | None, column: str, value: str) -> str:
    """A delivered value as it may be shown: of personal and undeclared ones the first character and the length."""
    declared = contract.columns.get(column) if contract else None
    if declared is None or declared.personal:
        return f"{value[:1]}{'*' * min(len(value) - 1, 11)}" if value else ""
    if declared.type == "text":
        # Free text that nobody models: people write names and numbers into it.
        return f"{mask(value[:8])}…({len(value)} characters)" if len(value) > 8 else mask(value)
    return mask(value[:60])


def entries(con: duckdb.DuckDBPyConnection, choice: Choice) -> list[Entry]:
    """The entries of the quarantine that were chosen, the newest delivery first.

    Raises:
        UserError: the warehouse has no quarantine yet, or an entry that was named is not in it.
    """
    if not table_exists(con, "quality", "quarantine"):
        raise UserError("There is no quarantine yet: run `c360 refresh` first.")
    source, _, dataset = (choice.dataset or "").partition("/")
    rows = con.execute(
        """
        select
            entry_id, source, dataset, delivery_date, file, line_number, level, reasons, status, resolution,
            resolved_on,
            case when level = 'file' then (
                select any_value(files.message) from quality.delivery_files as files
                where files.file = quarantine.file and files.status = 'quarantined'
            ) end,
            coalesce(row_content, map([]::varchar[], []::varchar[]))
        from quality.quarantine
        where (len($entries::varchar[]) = 0 or list_contains($entries::varchar[], entry_id))
            and ($source is null or (source = $source and dataset = $dataset))
            and ($reason is null or list_contains(reasons, $reason) or len(list_filter(
                reasons, lambda x: split_part(x, ':', 1) = $reason)) > 0)
            and ($file is null or file = $file or parse_filename(file) = $file)
            and ($status is null or status = $status)
        order by delivery_date desc nulls first, source, dataset, file, line_number nulls first""",
        {
            "entries": list(choice.entries),
            "source": source or None,
            "dataset": dataset,
            "reason": choice.reason,
            "file": choice.file,
            "status": None if choice.entries else choice.status,
        },
    ).fetchall()
    found = [Entry(*row) for row in rows]
    unknown = sorted({*choice.entries} - {entry.entry_id for entry in found})
    if unknown:
        raise UserError(
            f"The quarantine has no entry {', '.join(unknown[:5])}: `c360 quarantine list --all` shows them."
        )
    return found


def counts(chosen: Sequence[Entry]) -> list[tuple[str, str, str, int]]:
    """How many entries there are by dataset, reason and status, the most frequent first."""
    found = Counter(
        (f"{entry.source or '?'}/{entry.dataset or '?'}", reason, entry.status)
        for entry in chosen
        for reason in entry.reasons
    )
    return sorted(((*key, number) for key, number in found.items()), key=lambda row: (-row[3], row[:3]))


def decision_on(settings: Settings, entry: Entry) -> EntryDecision | None:
    """What was decided about an entry last."""
    return read_decisions(settings).get(entry.entry_id)


def release(
    settings: Settings,
    chosen: Sequence[Entry],
    *,
    by: str,
    on: date,
    why: str,
    corrections: Mapping[str, str] | None = None,
) -> int:
    """Let the next run load rows, corrected or as they are, and read files again; give the number of entries.

    Nothing is decided unless every chosen entry can be released.

    Raises:
        UserError: nothing was chosen, an entry is released already, a row cannot be loaded without a correction, a
            correction names no column or cannot be read, or a file cannot be found again.
    """
    fixes = dict(corrections or {})
    _require_some(chosen, "released")
    tokens = null_tokens.load(settings.policy_dir)
    for entry in chosen:
        if entry.level == "file":
            _require_file(settings, entry, fixes)
            continue
        contract = entry.contract
        if contract is None or entry.delivery_date is None:
            raise UserError(f"Entry {entry.entry_id} belongs to no dataset that has a contract; it cannot be released.")
        unknown = [name for name in fixes if name not in contract.columns]
        if unknown:
            raise UserError(
                f"--set {unknown[0]}=…: {contract.source}/{contract.dataset} has no such column. "
                f"Columns: {', '.join(contract.columns)}."
            )
        left = faults_after(contract, tokens, settings.timezone, entry.delivery_date, entry.content, fixes)
        if left:
            columns = " ".join(f"--set {reason.partition(':')[2]}=…" for reason in left if ":" in reason)
            raise UserError(
                f"Entry {entry.entry_id} cannot be loaded: {', '.join(left)}. Give what is missing ({columns}), or let "
                "the source deliver the file again, corrected, at the same path."
            )
    for entry in chosen:
        if entry.level == "file" and entry.source and entry.dataset and entry.delivery_date:
            _bring_back(settings, entry)
            forget_file(settings, entry.source, entry.dataset, entry.delivery_date, entry.file)
    append_decisions(settings, [_decision(e, "released", by, on, why, fixes) for e in chosen])
    return len(chosen)


def discard(settings: Settings, chosen: Sequence[Entry], *, by: str, on: date, why: str) -> int:
    """Say that entries are not wanted: they stay as they are and are open no more; give their number.

    Raises:
        UserError: nothing was chosen, or an entry was made good already.
    """
    _require_some(chosen, "discarded")
    append_decisions(settings, [_decision(e, "discarded", by, on, why, {}) for e in chosen])
    return len(chosen)


def reopen(settings: Settings, chosen: Sequence[Entry], *, by: str, on: date, why: str) -> int:
    """Take back what was decided about entries; give their number.

    Raises:
        UserError: nothing was decided about one of them.
    """
    decided = read_decisions(settings)
    for entry in chosen:
        if entry.entry_id not in decided or decided[entry.entry_id].verdict == "reopened":
            raise UserError(f"Nothing is decided about entry {entry.entry_id}; there is nothing to take back.")
    append_decisions(settings, [_decision(e, "reopened", by, on, why, {}) for e in chosen])
    return len(chosen)


def _require_some(chosen: Sequence[Entry], done: str) -> None:
    if not chosen:
        raise UserError("No entry fits. `c360 quarantine list --all` shows what there is.")
    for entry in chosen:
        if entry.status == "released":
            raise UserError(f"Entry {entry.entry_id} was made good ({entry.resolution}); it cannot be {done}.")


def _require_file(settings: Settings, entry: Entry, fixes: Mapping[str, str]) -> None:
    if fixes:
        raise UserError(f"Entry {entry.entry_id} is a whole file: --set corrects values of a row. Correct the file.")
    if not (entry.source and entry.dataset and entry.delivery_date):
        raise UserError(
            f"Entry {entry.entry_id}, {mask_path(entry.file)}, belongs to no source, dataset or delivery date. Put it "
            "where it belongs: <landing>/<source>/<delivery date>/<dataset>….csv; it is then read as a new file."
        )
    if not (settings.landing / entry.file).is_file() and not (settings.quarantine_dir / entry.file).is_file():
        raise UserError(
            f"The file of entry {entry.entry_id} is neither in the landing zone nor in {settings.quarantine_dir}. "
            "Let the source deliver it again."
        )


def _bring_back(settings: Settings, entry: Entry) -> None:
    """Put the copy of a file that has left the landing zone back into it."""
    target = settings.landing / entry.file
    if not target.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        aside = target.with_name(f".{target.name}.part")
        shutil.copyfile(settings.quarantine_dir / entry.file, aside)
        aside.replace(target)


def _decision(
    entry: Entry, verdict: Verdict, by: str, on: date, why: str, corrections: Mapping[str, str]
) -> EntryDecision:
    return EntryDecision(
        entry_id=entry.entry_id,
        source=entry.source or "",
        dataset=entry.dataset or "",
        delivery_date=entry.delivery_date.isoformat() if entry.delivery_date else "",
        file=entry.file,
        line_number="" if entry.line_number is None else str(entry.line_number),
        verdict=verdict,
        decided_by=by,
        decided_on=on,
        why=why,
        corrections=corrections,
    )

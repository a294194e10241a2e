"""`c360 quarantine …`: what was set aside and why, and what a person does about it.

Each reads its options, calls one function, prints. Values are shown masked, personal ones only by their first
character; nothing prints a row as delivered.
"""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from orchestration.cli_options import (
    BINDS,
    DATA,
    AllOption,
    ByOption,
    JsonOption,
    LimitOption,
    WarehouseOption,
    WhyOption,
    done,
    out,
    person,
    say,
    say_json,
    settings_for,
    table,
    today,
)
from orchestration.errors import UserError
from orchestration.settings import Settings

if TYPE_CHECKING:
    from orchestration.cleaning.quarantine_view import Entry
    from orchestration.cleaning.releases import EntryDecision

quarantine = typer.Typer(
    help="Rows and files that were set aside: why, and what to do.",
    no_args_is_help=True,
)

EntriesArgument = Annotated[list[str] | None, typer.Argument(help="Entries, as `list` shows them.", show_default=False)]
DatasetOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="Only of this dataset: pos/sales.", show_default=False)
]
ReasonOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Only with this reason: unreadable:amount, or unreadable.", show_default=False),
]
FileOption = Annotated[
    str | None, typer.Option(metavar="FILE", help="Only of this file: its name or path.", show_default=False)
]


def register(app: typer.Typer) -> None:
    """Add these commands to `c360`."""
    app.add_typer(quarantine, name="quarantine", rich_help_panel=DATA)


@quarantine.command("list")
def list_entries(
    dataset: DatasetOption = None,
    reason: ReasonOption = None,
    file: FileOption = None,
    every: AllOption = False,
    limit: LimitOption = 20,
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Open entries by reason, then the newest one by one; the values at fault are masked."""
    settings = settings_for(warehouse)
    from orchestration.cleaning.quarantine_view import Choice, counts, entries
    from orchestration.cleaning.releases import read_decisions
    from orchestration.database import connect

    decided = read_decisions(settings)
    choice = Choice(dataset=dataset, reason=reason, file=file, status=None if every else "open")
    with connect(settings, read_only=True) as con:
        chosen = entries(con, choice)
    found, numbers = chosen[:limit], counts(chosen)
    if as_json:
        summary = [dict(zip(("dataset", "reason", "status", "entries"), row, strict=True)) for row in numbers]
        say_json({"summary": summary, "entries": [entry.as_data() for entry in found]})
        return
    if not found:
        say("Nothing is open in the quarantine." if not every else "The quarantine is empty.")
        return
    by_reason = table("dataset", "reason", "status", "entries", title="By reason")
    for name, why, status, number in numbers:
        by_reason.add_row(name, why, status, f"{number:,}")
    out.print(by_reason)
    shown = table("entry", "file", "line", "reasons", "values at fault, or what is wrong", "status")
    for entry in found:
        data = entry.as_data()
        shown.add_row(
            entry.entry_id,
            data["file"],
            str(entry.line_number or "all"),
            ", ".join(entry.reasons),
            data["message"] or ", ".join(f"{name}={value}" for name, value in data["values_masked"].items()),
            f"{entry.status} ({entry.resolution})" if entry.resolution else _status(entry, decided.get(entry.entry_id)),
        )
    out.print(shown)
    if len(chosen) > limit:
        say(f"{limit} of {len(chosen):,} entries; --limit, --dataset, --reason and --file show others.")
    say("Next: c360 quarantine show ENTRY, then release or discard it; or let the source deliver the file corrected.")


@quarantine.command("show")
def show_entry(
    entry: Annotated[str, typer.Argument(help="An entry, as `list` shows it.")],
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """One entry: where it came from, why it was set aside, its values masked, and what was decided."""
    settings = settings_for(warehouse)
    from orchestration.cleaning.quarantine_view import Choice, decision_on, entries
    from orchestration.cleaning.releases import needs_correction
    from orchestration.database import connect

    with connect(settings, read_only=True) as con:
        (found,) = entries(con, Choice(entries=[entry]))[:1]
    decided = decision_on(settings, found)
    needed = needs_correction(found.contract, found.reasons) if found.contract and found.level == "row" else []
    told = None
    if decided is not None:
        told = {name: value for name, value in asdict(decided).items() if name in ("decided_by", "decided_on", "why")}
        told |= {"decision": decided.verdict, "columns_corrected": sorted(decided.corrections)}
    if as_json:
        say_json({**found.as_data(whole=True), "needs_correction": needed, "decision": told})
        return
    shown = table("what", "value", title=found.entry_id)
    for name, value in found.as_data(whole=True).items():
        if isinstance(value, dict):
            for column, masked in value.items():
                shown.add_row(f"value: {column}", masked)
        elif value not in (None, [], ""):
            shown.add_row(name.replace("_", " "), ", ".join(value) if isinstance(value, list) else str(value))
    for name, value in (told or {}).items():
        shown.add_row(name.replace("_", " "), str(value))
    out.print(shown)
    if decided is not None and decided.verdict not in ("reopened", found.status):
        say(f"It is {decided.verdict} from the next `c360 refresh` on.")
    elif found.status == "open" and needed:
        columns = " ".join(f"--set {reason.partition(':')[2]}=…" for reason in needed if ":" in reason)
        say(f"Next: c360 quarantine release {found.entry_id} {columns} --why …, or discard it, or a corrected file.")
    elif found.status == "open":
        say(f"Next: c360 quarantine release {found.entry_id} --why …, or discard it, or a corrected file.")


@quarantine.command("release")
def release_entries(
    why: WhyOption,
    entry: EntriesArgument = None,
    dataset: DatasetOption = None,
    reason: ReasonOption = None,
    file: FileOption = None,
    values: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="COLUMN=VALUE", help="What to load instead.", show_default=False),
    ] = None,
    by: ByOption = None,
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Load rows after all, as they are or corrected; read files again.

    A row without its key or a required value needs --set. A file that has left the landing zone is put back from its
    copy. Entries by name, or all open ones of a dataset, reason or file.
    """
    settings = settings_for(warehouse)
    from orchestration.cleaning.quarantine_view import release
    from orchestration.run_lock import RunLock

    corrections: dict[str, str] = {}
    for text in values or []:
        column, equals, value = text.partition("=")
        if not equals or not column.strip():
            raise UserError(f"--set {column!r} must be written column=value, such as --set amount=12.50.")
        corrections[column.strip()] = value
    chosen = _chosen(settings, entry, dataset, reason, file)
    with RunLock(settings):
        released = release(settings, chosen, by=person(by), on=today(settings), why=why, corrections=corrections)
    _done(as_json, "released", released)


@quarantine.command("discard")
def discard_entries(
    why: WhyOption,
    entry: EntriesArgument = None,
    dataset: DatasetOption = None,
    reason: ReasonOption = None,
    file: FileOption = None,
    by: ByOption = None,
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say that entries are not wanted: they stay set aside and are open no more."""
    settings = settings_for(warehouse)
    from orchestration.cleaning.quarantine_view import discard

    chosen = _chosen(settings, entry, dataset, reason, file)
    discarded = discard(settings, chosen, by=person(by), on=today(settings), why=why)
    _done(as_json, "discarded", discarded)


@quarantine.command("reopen")
def reopen_entries(
    why: WhyOption,
    entry: Annotated[list[str], typer.Argument(help="Entries, as `list --all` shows them.")],
    by: ByOption = None,
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take back what was decided about entries: they are judged by their contract again."""
    settings = settings_for(warehouse)
    from orchestration.cleaning.quarantine_view import Choice, entries, reopen
    from orchestration.database import connect

    with connect(settings, read_only=True) as con:
        chosen = entries(con, Choice(entries=entry, status=None))
    _done(as_json, "reopened", reopen(settings, chosen, by=person(by), on=today(settings), why=why))


def _chosen(
    settings: Settings, entry: list[str] | None, dataset: str | None, reason: str | None, file: str | None
) -> "list[Entry]":
    from orchestration.cleaning.quarantine_view import Choice, entries
    from orchestration.database import connect

    if not (entry or dataset or reason or file):
        raise UserError("Name entries, or --dataset, --reason or --file; `c360 quarantine list` shows what is open.")
    with connect(settings, read_only=True) as con:
        return entries(con, Choice(entries=entry or [], dataset=dataset, reason=reason, file=file))


def _status(entry: "Entry", decided: "EntryDecision | None") -> str:
    """The status, and what the next refresh will make of it where something was decided since the last."""
    waits = decided is not None and decided.verdict not in ("reopened", entry.status)
    return f"{entry.status}, {decided.verdict} from the next refresh on" if decided and waits else entry.status


def _done(as_json: bool, what: str, number: int) -> None:
    done(as_json, f"{number:,} {'entry' if number == 1 else 'entries'} {what}. {BINDS}", **{what: number})

"""`c360 doubtful …`: values that are loaded and that a person should look at, and what was decided about them.

Each reads its options, calls one function, prints. Personal values are masked, also in the export.
"""

from pathlib import Path
from typing import Annotated

import typer

from orchestration.cli_options import (
    BINDS,
    DATA,
    AllOption,
    ByOption,
    ExportOption,
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

doubtful = typer.Typer(
    help="Values that a person should look at (rules: seeds/policy/doubtful_values.csv), and what was decided.",
    no_args_is_help=True,
)


def register(app: typer.Typer) -> None:
    """Add these commands to `c360`."""
    app.add_typer(doubtful, name="doubtful", rich_help_panel=DATA)


@doubtful.command("list")
def list_doubts(
    every: AllOption = False,
    limit: LimitOption = 20,
    export: ExportOption = None,
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Doubtful values, those in most rows first; or all open ones as CSV."""
    settings = settings_for(warehouse)
    from orchestration.cleaning.doubtful_values_view import doubts, export_doubts
    from orchestration.database import connect

    with connect(settings, read_only=True) as con:
        if export is not None:
            written = export_doubts(con, export)
            said = (
                f"{written} doubtful values written to {export}: fill in decision (accept, reject, correct), "
                "corrected_value, decided_by, decided_on and why, then `c360 doubtful import`."
            )
            done(as_json, said, values=written, path=export)
            return
        found = doubts(con, status=None if every else "open", limit=limit)
    if as_json:
        say_json([doubt.as_data() for doubt in found])
        return
    if not found:
        say("No value is in doubt.")
        return
    shown = table("doubt", "dataset", "column", "record", "value", "rule", "rows", "status")
    for doubt in found:
        data = doubt.as_data()
        place = f"{doubt.source}/{doubt.dataset}"
        record = data["record_key"] or "any"
        shown.add_row(
            doubt.doubt_id,
            place,
            doubt.column_name,
            record,
            doubt.shown,
            doubt.rule or "",
            f"{doubt.rows:,}",
            doubt.status,
        )
    out.print(shown)
    say("Next: c360 doubtful decide DOUBT accept|reject|correct --why …")


@doubtful.command("decide")
def decide_doubt(
    doubt: Annotated[str, typer.Argument(help="A doubt, as `list` shows it.")],
    decision: Annotated[str, typer.Argument(help="accept, reject (treat as not given), correct, or reopen")],
    why: WhyOption,
    value: Annotated[str, typer.Option(metavar="TEXT", help="With correct: the value to load instead.")] = "",
    by: ByOption = None,
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Accept, reject or correct a value, for every later run; `reopen` takes a decision back."""
    settings = settings_for(warehouse)
    from orchestration.cleaning.doubtful_values_view import decide
    from orchestration.database import connect

    with connect(settings, read_only=True) as con:
        about = decide(
            con, settings, doubt, decision, corrected_value=value, by=person(by), on=today(settings), why=why
        )
    said = f"{about.source}/{about.dataset}, {about.column_name}, {about.rows:,} rows: {decision}. {BINDS}"
    done(as_json, said, doubt_id=about.doubt_id, decision=decision)


@doubtful.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="A filled-in export of `c360 doubtful list --export`.")],
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take in the decisions of a CSV file, all or none; rows without a decision stay open."""
    settings = settings_for(warehouse)
    from orchestration.cleaning.doubtful_values_view import import_decisions
    from orchestration.database import connect

    with connect(settings, read_only=True) as con:
        taken = import_decisions(con, settings, file)
    done(as_json, f"{taken} decisions taken in. {BINDS}", taken_in=taken)

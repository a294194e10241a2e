"""`c360 export`: the members of an audience as a file, for a person at the terminal or a script."""

from pathlib import Path
from typing import Annotated

import typer

from orchestration.cli_completion import audiences
from orchestration.cli_options import (
    PUBLISHED,
    JsonOption,
    WarehouseOption,
    published_version,
    say,
    say_json,
    settings_for,
)
from orchestration.errors import UserError


def register(app: typer.Typer) -> None:
    """Add this command to `c360`."""
    app.command(rich_help_panel=PUBLISHED)(export)


def export(
    audience: Annotated[str, typer.Argument(help="Audience of seeds/policy/audiences.csv.", autocompletion=audiences)],
    file_format: Annotated[str, typer.Option("--format", metavar="NAME", help="csv or parquet.")] = "csv",
    out: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="Where to write; default <warehouse>/exports.", show_default=False),
    ] = None,
    role: Annotated[str, typer.Option(metavar="NAME", help="Role of seeds/policy/export_roles.csv.")] = "analyst",
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the members of an audience from the published version to a file, masked unless the role sees more."""
    from orchestration.publication.export import FORMATS, export_audience

    settings = settings_for(warehouse)
    chosen = next((known for known in FORMATS if known == file_format.lower()), None)
    if chosen is None:
        raise UserError(f"There is no format {file_format!r}: use {' or '.join(FORMATS)}.")
    version = published_version(settings)
    made = export_audience(settings, version, audience, file_format=chosen, out=out and out.resolve(), role=role)
    if as_json:
        say_json({**made.manifest.model_dump(mode="json"), "path": made.path})
        return
    shown = "masked" if made.manifest.masked else f"contact data of {made.manifest.rows_with_contact_data:,}"
    say(f"{made.manifest.rows:,} members of {audience} as of {made.manifest.as_of}, {shown}")
    say(f"{made.path}\n{made.manifest_path}")

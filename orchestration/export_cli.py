"""`c360 export`: the members of an audience as a file, for a person at the terminal or a script."""

import json
import os
from pathlib import Path
from typing import Annotated

import typer

from orchestration.errors import UserError
from orchestration.settings import Settings


def register(app: typer.Typer) -> None:
    """Add this command to `c360`."""
    app.command()(export)


def export(
    audience: Annotated[str, typer.Argument(help="Audience of seeds/policy/audiences.csv.")],
    warehouse: Annotated[
        Path | None, typer.Option(help="Warehouse folder [C360_WAREHOUSE].", show_default=False)
    ] = None,
    file_format: Annotated[str, typer.Option("--format", help="csv or parquet.")] = "csv",
    out: Annotated[Path | None, typer.Option(help="Folder; default <warehouse>/exports.", show_default=False)] = None,
    role: Annotated[str, typer.Option(help="Role of seeds/policy/export_roles.csv.")] = "analyst",
    as_json: Annotated[bool, typer.Option("--json", help="Print the manifest as JSON.")] = False,
) -> None:
    """Write the members of an audience from the published version to a file, masked unless the role sees more."""
    from orchestration.publication.export import FORMATS, export_audience
    from orchestration.publication.versions import current_version

    if warehouse is not None:
        os.environ["C360_WAREHOUSE"] = str(warehouse.resolve())
    settings = Settings()
    chosen = next((known for known in FORMATS if known == file_format.lower()), None)
    if chosen is None:
        raise UserError(f"There is no format {file_format!r}: use {' or '.join(FORMATS)}.")
    version = current_version(settings)
    if version is None:
        raise UserError(f"Nothing is published in {settings.warehouse} yet: run `c360 refresh` first.")
    made = export_audience(settings, version, audience, file_format=chosen, out=out and out.resolve(), role=role)
    if as_json:
        typer.echo(json.dumps({**made.manifest.model_dump(mode="json"), "path": str(made.path)}, ensure_ascii=False))
        return
    shown = "masked" if made.manifest.masked else f"contact data of {made.manifest.rows_with_contact_data:,}"
    typer.echo(f"{made.manifest.rows:,} members of {audience} as of {made.manifest.as_of}, {shown}")
    typer.echo(f"{made.path}\n{made.manifest_path}")

"""`c360 dashboard`: where the customer health page of the published version lies, and opening it."""

import os
import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from orchestration.errors import UserError
from orchestration.settings import Settings


def register(app: typer.Typer) -> None:
    """Add this command to `c360`."""
    app.command()(dashboard)


def dashboard(
    warehouse: Annotated[
        Path | None, typer.Option(help="Warehouse folder [C360_WAREHOUSE].", show_default=False)
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser of this machine.")] = False,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Write it anew, after a change of its words.")] = False,
) -> None:
    """The customer health page of the published version: prints where the HTML file lies, writing it if need be."""
    from orchestration.publication.versions import current_version

    if warehouse is not None:
        os.environ["C360_WAREHOUSE"] = str(warehouse.resolve())
    settings = Settings()
    version = current_version(settings)
    if version is None:
        raise UserError(f"Nothing is published in {settings.warehouse} yet: run `c360 refresh` first.")
    from orchestration.dashboard.write import dashboard_path, write_dashboard

    path = dashboard_path(version)
    if rebuild or not path.is_file():
        write_dashboard(settings, version)
    typer.echo(path)
    if show and not webbrowser.open(path.as_uri()):
        raise UserError(f"No browser was found on this machine: open {path} in one, by double click or by its path.")

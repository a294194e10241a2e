"""`c360 dashboard`: where the customer health page of the published version lies, and opening it."""

import webbrowser
from typing import Annotated

import typer

from orchestration.cli_options import DAILY, JsonOption, WarehouseOption, published_version, say, say_json, settings_for
from orchestration.errors import UserError


def register(app: typer.Typer) -> None:
    """Add this command to `c360`."""
    app.command(rich_help_panel=DAILY)(dashboard)


def dashboard(
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser of this machine.")] = False,
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Write it anew, after a change of its words.")] = False,
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """The customer health page of the published version: prints where the HTML file lies, writing it if need be."""
    settings = settings_for(warehouse)
    version = published_version(settings)
    from orchestration.dashboard.write import dashboard_path, write_dashboard

    path = dashboard_path(version)
    if rebuild or not path.is_file():
        write_dashboard(settings, version)
    if as_json:
        say_json({"version": version.id, "as_of": version.manifest.as_of, "path": path})
    else:
        say(str(path))
    if show and not webbrowser.open(path.as_uri()):
        raise UserError(f"No browser was found on this machine: open {path} in one, by double click or by its path.")

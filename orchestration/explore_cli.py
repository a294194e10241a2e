"""`c360 explore`: the page for looking customers and audiences up, in the browser of this machine."""

import os
from typing import Annotated

import typer

from orchestration.cli_options import WarehouseOption, say, settings_for
from orchestration.errors import UserError


def register(app: typer.Typer) -> None:
    """Add this command to `c360`."""
    app.command()(explore)


def explore(
    warehouse: WarehouseOption = None,
    role: Annotated[
        str, typer.Option(help="Role of seeds/policy/export_roles.csv: what may be found and exported.")
    ] = "analyst",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the page, on this machine only.")] = 8501,
) -> None:
    """Look customers and audiences up at http://127.0.0.1:<port>; the page follows new versions by itself."""
    settings = settings_for(warehouse)
    from orchestration.explorer.launch import command_line
    from orchestration.explorer.reading import role_named
    from orchestration.publication.versions import current_version

    version = current_version(settings)
    if version is None:
        raise UserError(f"Nothing is published in {settings.warehouse} yet: run `c360 refresh` first.")
    role_named(settings, role, version)
    command = command_line(role, port)
    say(f"http://127.0.0.1:{port} shows version {version.id} to the role {role}; Ctrl-C ends it.")
    # The user started this program to start that one, so it takes over the terminal and its signals.
    os.execv(command[0], command)  # noqa: S606

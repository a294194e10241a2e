"""`c360 explore`: the page for looking customers and audiences up, in the browser of this machine."""

import os
from typing import Annotated

import typer

from orchestration.cli_options import CUSTOMERS, WarehouseOption, published_version, say, settings_for


def register(app: typer.Typer) -> None:
    """Add this command to `c360`."""
    app.command(rich_help_panel=CUSTOMERS)(explore)


def explore(
    role: Annotated[str, typer.Option(metavar="NAME", help="Role of seeds/policy/export_roles.csv.")] = "analyst",
    port: Annotated[int, typer.Option(metavar="N", min=1, max=65535, help="Port on this machine.")] = 8501,
    warehouse: WarehouseOption = None,
) -> None:
    """Look customers and audiences up at http://127.0.0.1:<port>; the page follows new versions by itself."""
    settings = settings_for(warehouse)
    from orchestration.explorer.launch import command_line
    from orchestration.explorer.reading import role_named

    version = published_version(settings)
    role_named(settings, role, version)
    command = command_line(role, port)
    say(f"http://127.0.0.1:{port} shows version {version.id} to the role {role}; Ctrl-C ends it.")
    # The user started this program to start that one, so it takes over the terminal and its signals.
    os.execv(command[0], command)  # noqa: S606

"""`c360 alerts`, and what a refresh tells at its end."""

import logging
from dataclasses import asdict
from typing import Annotated

import typer

from orchestration.cli_options import (
    DAILY,
    JsonOption,
    WarehouseOption,
    out,
    say,
    say_aside,
    say_json,
    settings_for,
    table,
)
from orchestration.errors import UserError
from orchestration.settings import Settings


def register(app: typer.Typer) -> None:
    """Add this command to `c360`."""
    app.command(rich_help_panel=DAILY)(alerts)


class _ToTerminal(logging.Handler):
    """The log channel, where a person sits at the terminal."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print the message."""
        say_aside(record.getMessage())


def tell(settings: Settings, failed_steps: list[str] | None = None) -> None:
    """Look and tell; whatever goes wrong with that is said and harms nothing else."""
    from orchestration.alerts.alerts import notify
    from orchestration.alerts.channels import LOGGER

    handler = _ToTerminal()
    LOGGER.addHandler(handler)
    LOGGER.setLevel(logging.INFO)
    LOGGER.propagate = False
    try:
        notify(settings, failed_steps)
    except Exception as error:
        # The run has ended, well or not, and its exit status says how; a fault in telling of it must not change that.
        said = str(error).splitlines()[0] if isinstance(error, UserError) else type(error).__name__
        say_aside(f"Not every alert was sent: {said}")
    finally:
        LOGGER.removeHandler(handler)


def alerts(
    send: Annotated[bool, typer.Option("--send", help="Look now and tell what is new or over.")] = False,
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """What is wrong and was told: failed gates and runs, late deliveries, red KPIs, changed customer ids."""
    settings = settings_for(warehouse)
    if send:
        tell(settings)
    from orchestration.alerts.alerts import open_alerts

    found = open_alerts(settings)
    if as_json:
        say_json([asdict(alert) for alert in found])
        return
    if not found:
        say("No alert is open.")
        return
    shown = table("since (UTC)", "cause", "about", "told by", "what")
    for alert in found:
        shown.add_row(alert.since, alert.kind, alert.about, ", ".join(alert.told), alert.text)
    out.print(shown)

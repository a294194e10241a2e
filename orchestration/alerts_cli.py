"""`c360 alerts`, and what a refresh tells at its end."""

import logging
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from orchestration.errors import UserError
from orchestration.settings import Settings

out = Console()
err = Console(stderr=True)


def register(app: typer.Typer) -> None:
    """Add this command to `c360`."""
    app.command()(alerts)


class _ToTerminal(logging.Handler):
    """The log channel, where a person sits at the terminal."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print the message."""
        err.print(record.getMessage(), highlight=False, markup=False, soft_wrap=True)


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
        err.print(f"Not every alert was sent: {said}", highlight=False, markup=False, soft_wrap=True)
    finally:
        LOGGER.removeHandler(handler)


def alerts(
    warehouse: Annotated[
        Path | None, typer.Option(help="Warehouse folder [C360_WAREHOUSE].", show_default=False)
    ] = None,
    send: Annotated[bool, typer.Option("--send", help="Look now and tell what is new or over.")] = False,
) -> None:
    """What is wrong and was told: failed gates and runs, late deliveries, red KPIs, changed customer ids."""
    if warehouse is not None:
        os.environ["C360_WAREHOUSE"] = str(warehouse.resolve())
    settings = Settings()
    if send:
        tell(settings)
    from orchestration.alerts.alerts import open_alerts

    table = Table("since (UTC)", "cause", "about", "told by", "what")
    for alert in open_alerts(settings):
        table.add_row(alert.since, alert.kind, alert.about, ", ".join(alert.told), alert.text)
    out.print(table if table.row_count else "No alert is open.")

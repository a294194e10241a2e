"""Options that several groups of commands share, and how they print.

What belongs here: what `--warehouse`, `--by`, `--why` and `--json` mean everywhere. What does not: any command.
"""

import getpass
import json
import os
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.table import Table

from orchestration.settings import Settings

out = Console()

WarehouseOption = Annotated[Path | None, typer.Option(help="Warehouse folder [C360_WAREHOUSE].", show_default=False)]
ByOption = Annotated[
    str | None, typer.Option(help="Who decides; default is this machine's user.", envvar="USER", show_default=False)
]
WhyOption = Annotated[str, typer.Option(help="Why, in a few words; kept, never published.")]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON instead of text.")]


def settings_for(warehouse: Path | None, landing: Path | None = None) -> Settings:
    """Settings with the options of the command line put into the environment, where every step reads them."""
    for name, path in (("C360_WAREHOUSE", warehouse), ("C360_LANDING", landing)):
        if path is not None:
            os.environ[name] = str(path.resolve())
    return Settings()


def person(by: str | None) -> str:
    """Who acts: as said, else the user of this machine."""
    if by and by.strip():
        return by.strip()
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A container may run under a number that has no name.
        return f"user {os.getuid()}"


def today(settings: Settings) -> date:
    """The business day it is now."""
    return datetime.now(ZoneInfo(settings.timezone)).date()


def table(*columns: str, title: str | None = None) -> Table:
    """A table that folds what is long and never cuts it, so that it can be copied."""
    made = Table(title=title, title_justify="left")
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def say(text: str) -> None:
    """Print a sentence as it is, on one line however long."""
    out.print(text, highlight=False, markup=False, soft_wrap=True)


def say_json(data: Any) -> None:
    """Print JSON; dates and times as ISO 8601."""
    typer.echo(json.dumps(data, ensure_ascii=False, indent=2, default=str))

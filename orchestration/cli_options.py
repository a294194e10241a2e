"""Options that the commands share, and how they print.

What belongs here: what `--warehouse`, `--by`, `--why`, `--json` and the like mean everywhere, and the forms of what is
printed. What does not: any command.
"""

import getpass
import json
import os
import sys
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from zoneinfo import ZoneInfo

import typer
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from orchestration.errors import UserError
from orchestration.settings import Settings

if TYPE_CHECKING:
    from orchestration.publication.versions import Version

# Where nobody looks on, a line is as long as what it says, so that it can be searched and cut.
_WIDTH = None if sys.stdout.isatty() or os.environ.get("COLUMNS") else 1000

out = Console(width=_WIDTH)
err = Console(stderr=True)

# The parts of `c360 --help`, in their order.
DAILY, CUSTOMERS, DATA, PUBLISHED, RECOVERY, RULES, DEVELOPMENT = PANELS = (
    "Every day",
    "Customers and who they are",
    "Data that a person decides about",
    "What others get",
    "Versions, backup and recovery",
    "Rules and documents",
    "Trying and developing",
)

LandingOption = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="Landing zone [C360_LANDING].", show_default=False)
]
WarehouseOption = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="Warehouse folder [C360_WAREHOUSE].", show_default=False)
]
ByOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Who decides; default is this machine's user.", envvar="USER", show_default=False
    ),
]
WhyOption = Annotated[str, typer.Option(metavar="TEXT", help="Why, in a few words; kept, never published.")]
LimitOption = Annotated[int, typer.Option(metavar="N", min=1, help="How many to show.")]
ExportOption = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="Write all open ones as CSV to decide in a spreadsheet.", show_default=False),
]
AllOption = Annotated[bool, typer.Option("--all", help="Also what was decided.")]
JsonOption = Annotated[bool, typer.Option("--json", help="JSON instead of text.")]

BINDS = "It binds from the next `c360 refresh` on."


def day_option(text: str) -> Any:
    """An option that takes a day."""
    return typer.Option(metavar="DAY", formats=["%Y-%m-%d"], help=f"{text} (YYYY-MM-DD)", show_default=False)


def settings_for(
    warehouse: Path | None = None,
    landing: Path | None = None,
    as_of: datetime | None = None,
    known_on: datetime | None = None,
) -> Settings:
    """Settings with the options of the command line put into the environment, where every step reads them."""
    options = {
        "C360_WAREHOUSE": warehouse and warehouse.resolve(),
        "C360_LANDING": landing and landing.resolve(),
        "C360_AS_OF": as_of and as_of.date(),
        "C360_KNOWN_ON": known_on and known_on.date(),
    }
    os.environ.update({name: str(value) for name, value in options.items() if value is not None})
    return Settings()


def published_version(settings: Settings) -> "Version":
    """The version that readers see now.

    Raises:
        UserError: there is none yet.
    """
    from orchestration.publication.versions import current_version

    version = current_version(settings)
    if version is None:
        raise UserError(f"Nothing is published in {settings.warehouse} yet: run `c360 refresh` first.")
    return version


def version_facts(version: "Version") -> dict[str, Any]:
    """A published version as JSON names it."""
    return {"version": version.id, "as_of": version.manifest.as_of, "file": version.file}


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


class PlainTable(Table):
    """A table whose cells stand as they are: a file may be called `sales[1].csv`, which Rich would take for markup."""

    def add_row(self, *cells: RenderableType | None, **style: Any) -> None:
        """Add a row of texts."""
        super().add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in cells), **style)


def table(*columns: str, title: str | None = None) -> PlainTable:
    """A table that folds what is long and never cuts it, so that it can be copied."""
    made = PlainTable(title=title, title_justify="left")
    for number, column in enumerate(columns):
        # What stands first is what one copies into the next command: it stays in one piece.
        made.add_column(column, overflow="fold", no_wrap=number == 0)
    return made


def say(text: str) -> None:
    """Print a sentence as it is, on one line however long."""
    out.print(text, highlight=False, markup=False, soft_wrap=True)


def done(as_json: bool, said: str, **facts: Any) -> None:
    """Say what was done, or give its facts as JSON."""
    if as_json:
        say_json(facts)
    else:
        say(said)


def say_aside(text: str) -> None:
    """Print a sentence that is no part of what the command gives, on stderr."""
    err.print(text, highlight=False, markup=False, soft_wrap=True)


def say_json(data: Any) -> None:
    """Print JSON, once per command; dates and times as ISO 8601."""
    _Printed.json = True
    typer.echo(json.dumps(data, ensure_ascii=False, indent=2, default=_plain))


def say_fault(message: str, status: int, **more: Any) -> None:
    """Print a fault as JSON, in place of what the command would have given; the exit status is `status`."""
    if not _Printed.json:
        say_json({"error": message, "exit_status": status, **more})


class _Printed:
    json = False


def _plain(value: object) -> str:
    return value.isoformat() if isinstance(value, date) else str(value)

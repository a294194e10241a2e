"""`c360 mirror`: the published version in a PostgreSQL server, for tools that want one."""

from dataclasses import asdict
from typing import Annotated

import typer

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
    app.command(rich_help_panel=PUBLISHED)(mirror)


def mirror(
    server: Annotated[
        str | None,
        typer.Argument(
            help="postgresql://user@host:port/database [C360_MIRROR_URL]; password by PGPASSWORD or ~/.pgpass.",
            show_default=False,
        ),
    ] = None,
    schema: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Beginning of the schemas' names: c360 makes c360_marts, c360_identity, c360_quality.",
        ),
    ] = "c360",
    tables: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Only these, with commas: fct_sales,quality.deliveries; default is all.",
            show_default=False,
        ),
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Copy also what the server already has.")] = False,
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Copy the published version into a PostgreSQL server in one transaction; readers there see the old or the new."""
    settings = settings_for(warehouse)
    from orchestration.cli_progress import NOW_AND_THEN, progress
    from orchestration.mirror.keys import declared_keys
    from orchestration.mirror.mirror import RECORD, mirror
    from orchestration.warehouse.runner import prepare_manifest

    url = server or (settings.mirror_url.get_secret_value() if settings.mirror_url else None)
    if not url:
        raise UserError("Name the server: c360 mirror postgresql://user@host:port/database, or set C360_MIRROR_URL.")
    version = published_version(settings)
    names = [name.strip() for name in (tables or "").split(",") if name.strip()]
    with progress("connecting", every=NOW_AND_THEN) as report:
        keys = declared_keys(prepare_manifest(settings))
        done = mirror(version, url, keys=keys, prefix=schema, names=names, again=again, progress=report)
    if as_json:
        say_json({**asdict(done), "as_of": version.manifest.as_of, "changed": done.changed})
    elif not done.changed:
        say(f"Already at version {done.version}: {done.place}. Nothing was changed.")
    else:
        say(f"Version {done.version}, as of {version.manifest.as_of}, is in {done.place}.")
        say(f"{len(done.rows)} tables, {sum(done.rows.values()):,} rows, in {', '.join(done.schemas.values())}.")
        if done.dropped:
            say(f"Dropped, as they are published no more: {', '.join(done.dropped)}.")
        say(f"Which version readers see: {done.schemas['marts']}.{RECORD}")

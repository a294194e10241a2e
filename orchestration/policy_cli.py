"""`c360 policy …`: the rules in force, for a person at the terminal and as a page."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from orchestration.errors import UserError
from orchestration.settings import Settings

policy = typer.Typer(help="The rules of seeds/policy, in words.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add these commands to `c360`."""
    app.add_typer(policy, name="policy")


@policy.command()
def show(
    name: Annotated[str | None, typer.Argument(help="Table, e.g. tier_schemes; none lists them.")] = None,
    on: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Day whose rules are shown; default is today.")
    ] = None,
) -> None:
    """A policy table as it is in force on a day, or the list of tables."""
    from orchestration.policy_docs import read_tables, render_table

    tables = {table.name: table for table in read_tables(Settings().policy_dir)}
    if name is None:
        for table in tables.values():
            typer.echo(f"{table.name:<26} {table.title_zh:　<10} {table.description}")
        return
    if name not in tables:
        raise UserError(f"There is no policy table {name!r}. `c360 policy show` lists them.")
    typer.echo(render_table(tables[name].in_force(on.date() if on else datetime.now(UTC).date())))


@policy.command()
def docs() -> None:
    """Write docs/policy.md anew from the policy tables."""
    from orchestration.policy_docs import render

    settings = Settings()
    page = settings.root / "docs" / "policy.md"
    page.write_text(render(settings.policy_dir, settings.root / "models"), encoding="utf-8")
    typer.echo(f"Written: {page.relative_to(settings.root)}")


@policy.command()
def check() -> None:
    """Say what is wrong with the tables of seeds/policy, as a refresh does before it begins."""
    from orchestration.warehouse.policy_checks import check_policies

    settings = Settings()
    check_policies(settings.policy_dir, settings.reference_dir, settings.root / "models")
    typer.echo(f"The {len(list(settings.policy_dir.glob('*.csv')))} tables of seeds/policy are sound.")

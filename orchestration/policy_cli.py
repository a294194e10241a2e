"""`c360 policy …`: the rules in force, for a person at the terminal and as a page."""

from datetime import datetime
from typing import Annotated

import typer

from orchestration.cli_completion import policy_tables
from orchestration.cli_options import RULES, JsonOption, day_option, say, say_json, today
from orchestration.errors import UserError
from orchestration.settings import Settings

policy = typer.Typer(help="The rules of seeds/policy, in words.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add these commands to `c360`."""
    app.add_typer(policy, name="policy", rich_help_panel=RULES)


@policy.command()
def show(
    name: Annotated[
        str | None, typer.Argument(help="Table, e.g. tier_schemes; none lists them.", autocompletion=policy_tables)
    ] = None,
    on: Annotated[datetime | None, day_option("Day whose rules are shown; default is today.")] = None,
    as_json: JsonOption = False,
) -> None:
    """A policy table as it is in force on a day, or the list of tables."""
    from orchestration.policy_docs import read_tables, render_table

    settings = Settings()
    tables = {table.name: table for table in read_tables(settings.policy_dir)}
    if name is None:
        if as_json:
            say_json([{"name": t.name, "title_zh": t.title_zh, "description": t.description} for t in tables.values()])
            return
        for table in tables.values():
            say(f"{table.name:<26} {table.title_zh:　<10} {table.description}")
        say("Next: c360 policy show NAME")
        return
    if name not in tables:
        raise UserError(f"There is no policy table {name!r}. `c360 policy show` lists them.")
    in_force = tables[name].in_force(on.date() if on else today(settings))
    if as_json:
        say_json([dict(row) for row in in_force.rows])
    else:
        say(render_table(in_force))


@policy.command()
def docs(as_json: JsonOption = False) -> None:
    """Write docs/policy.md anew from the policy tables."""
    from orchestration.policy_docs import render

    settings = Settings()
    page = settings.root / "docs" / "policy.md"
    page.write_text(render(settings.policy_dir, settings.root / "models"), encoding="utf-8")
    if as_json:
        say_json({"path": page})
    else:
        say(f"Written: {page.relative_to(settings.root)}")


@policy.command()
def check(as_json: JsonOption = False) -> None:
    """Say what is wrong with the tables of seeds/policy, as a refresh does before it begins."""
    from orchestration.warehouse.policy_checks import check_policies

    settings = Settings()
    check_policies(settings.policy_dir, settings.reference_dir, settings.root / "models")
    tables = len(list(settings.policy_dir.glob("*.csv")))
    if as_json:
        say_json({"tables": tables, "sound": True})
    else:
        say(f"The {tables} tables of seeds/policy are sound. Next: c360 refresh")

"""`c360 explain`, `unmerge`, `review …` and `identity …`: each reads its options, calls one function, prints.

Record keys and fields are shown, values never.
"""

import os
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.table import Table

from orchestration.cli_options import person
from orchestration.errors import UserError
from orchestration.settings import Settings

if TYPE_CHECKING:
    from orchestration.identity.explain import Link

out = Console()
review = typer.Typer(help="Pairs that a person should decide, and what was decided.", no_args_is_help=True)
identity = typer.Typer(
    help="Customer ids: what the last run changed, and what another policy would.", no_args_is_help=True
)

WarehouseOption = Annotated[Path | None, typer.Option(help="Warehouse folder [C360_WAREHOUSE].", show_default=False)]
ByOption = Annotated[
    str,
    typer.Option(
        help="Who decides; default is this machine's user.",
        envvar="USER",
        default_factory=lambda: person(None),
        show_default=False,
    ),
]
WhyOption = Annotated[str, typer.Option(help="Why, in a few words; kept with the decision, never published.")]
_NEXT = "It binds from the next `c360 refresh` on."


def register(app: typer.Typer) -> None:
    """Add these commands to `c360`."""
    app.command()(explain)
    app.command()(unmerge)
    app.add_typer(review, name="review")
    app.add_typer(identity, name="identity")


def explain(
    who: Annotated[str, typer.Argument(help="Customer id, or a record as source:key.")],
    other: Annotated[str | None, typer.Argument(help="A second one: why are they one customer, or not?")] = None,
    warehouse: WarehouseOption = None,
) -> None:
    """Why records are one customer, or why two are not: links, fields, match weights, in words."""
    settings = _settings(warehouse)
    from orchestration.database import connect
    from orchestration.identity.explain import explain_customer, explain_pair

    with connect(settings, read_only=True) as connection:
        if other is None:
            told = explain_customer(connection, who)
            table = _table("record", "matched by", "confidence", "since", title=told.customer_id)
            for record, rule, confidence, since in told.records:
                table.add_row(str(record), rule, f"{confidence:.3f}", str(since))
            out.print(table)
            _print_links(told.links)
            for line in told.history:
                _say(line)
            return
        pair = explain_pair(connection, settings, who, other)
    _say(
        f"{pair.outcome}: {pair.left} ({pair.customers[0] or 'no customer'}) and "
        f"{pair.right} ({pair.customers[1] or 'no customer'})"
    )
    table = _table("field", "level", "match weight", "in words")
    for field in pair.fields:
        table.add_row(field.field, field.level, "" if field.weight is None else f"{field.weight:+.2f}", field.words)
    if pair.base is not None:
        table.add_row(
            "", "", f"{pair.base:+.2f}", "how rare the name is, and how seldom any two records are one person"
        )
    table.add_row("sum", "", f"{pair.weight:+.2f}", "above 0: more likely one person than two")
    out.print(table)
    for reason in pair.reasons:
        _say(f"- {reason}")
    _print_links(pair.path)


def unmerge(
    who: Annotated[str, typer.Argument(help="Customer id; or an id that was merged away, to take the merge back.")],
    why: WhyOption,
    by: ByOption,
    records: Annotated[list[str] | None, typer.Argument(help="Records to part from it, as source:key.")] = None,
    warehouse: WarehouseOption = None,
) -> None:
    """Part records from the rest of their customer, for good."""
    settings = _settings(warehouse)
    from orchestration.database import connect
    from orchestration.identity.explain import unmerge as part

    with connect(settings, read_only=True) as connection:
        written = part(connection, settings, who, records or [], by, _today(settings), why)
    _say(f"{written} decisions written. {_NEXT}")


@review.command("list")
def list_pairs(
    warehouse: WarehouseOption = None,
    limit: Annotated[int, typer.Option(min=1, help="How many pairs to show.")] = 20,
    decided: Annotated[bool, typer.Option("--decided", help="What was decided, and whether it binds.")] = False,
    export: Annotated[
        Path | None, typer.Option(help="Write all open pairs as CSV to decide in a spreadsheet.", show_default=False)
    ] = None,
) -> None:
    """Open pairs, the likeliest first, with the fields that agree and differ."""
    settings = _settings(warehouse)
    from orchestration.database import connect
    from orchestration.identity.review import decided_pairs, export_pairs, open_pairs

    with connect(settings, read_only=True) as connection:
        if export is not None:
            _say(
                f"{export_pairs(connection, export)} pairs written to {export}: fill in decision (same, different), "
                "decided_by, decided_on and why, then `c360 review import`."
            )
        elif decided:
            table = _table("row", "left", "right", "decision", "by", "on", "status", "why it does not bind")
            for d in decided_pairs(connection):
                table.add_row(*(str(v) if v is not None else "" for v in d))
            out.print(table)
        else:
            table = _table("left", "right", "weight", "probability", "agree", "differ", "why it is open")
            pairs = open_pairs(connection, limit)
            for pair in pairs:
                table.add_row(*pair)
            out.print(table)


@review.command("decide")
def decide_pair(
    left: Annotated[str, typer.Argument(help="A record as source:key, or its key.")],
    right: Annotated[str, typer.Argument(help="The other record.")],
    decision: Annotated[str, typer.Argument(help="same or different")],
    why: WhyOption,
    by: ByOption,
    warehouse: WarehouseOption = None,
) -> None:
    """Say that two records are the same person or different people."""
    settings = _settings(warehouse)
    from orchestration.database import connect
    from orchestration.identity.decisions import Decision
    from orchestration.identity.explain import decide, record_named

    if decision not in ("same", "different"):
        raise UserError(f"`{decision}` is no decision: write same or different.")
    with connect(settings, read_only=True) as connection:
        refs = [record_named(connection, text) for text in (left, right)]
        made = Decision(refs[0], refs[1], "same" if decision == "same" else "different", by, _today(settings), why)
        decide(connection, settings, made)
    _say(f"{refs[0]} and {refs[1]}: {decision}. {_NEXT}")


@review.command("revoke")
def revoke_pair(
    left: Annotated[str, typer.Argument(help="A record as source:key, or its key.")],
    right: Annotated[str, typer.Argument(help="The other record.")],
    by: ByOption,
    warehouse: WarehouseOption = None,
) -> None:
    """Take back what was decided about two records; they are linked by evidence again."""
    settings = _settings(warehouse)
    from orchestration.identity.decisions import decisions_file, revoke
    from orchestration.identity.review import decided_record

    file = decisions_file(settings.warehouse)
    refs = [decided_record(file, text) for text in (left, right)]
    revoke(file, refs[0], refs[1], by, _today(settings))
    _say(f"Revoked what was decided about {refs[0]} and {refs[1]}. {_NEXT}")


@review.command("import")
def import_decisions(
    file: Annotated[Path, typer.Argument(help="A filled-in export of `c360 review list --export`.")],
    warehouse: WarehouseOption = None,
) -> None:
    """Take in the decisions of a CSV file; rows without a decision stay open."""
    settings = _settings(warehouse)
    from orchestration.identity.decisions import append_decisions, decisions_file, read_decisions

    if not file.is_file():
        raise UserError(f"There is no file {file}: `c360 review list --export {file}` writes one to fill in.")
    target = decisions_file(settings.warehouse)
    known = {(d.pair, d.verdict, d.decided_by, d.decided_on) for d in read_decisions(target)}
    new = [d for d in read_decisions(file) if (d.pair, d.verdict, d.decided_by, d.decided_on) not in known]
    append_decisions(target, new)
    _say(f"{len(new)} decisions taken in. {_NEXT} `c360 review list --decided` then tells which bind.")


@identity.command("status")
def status(warehouse: WarehouseOption = None) -> None:
    """How many ids the last run changed, how many it may, whether it is held, and which model is in force."""
    settings = _settings(warehouse)
    from orchestration.database import connect
    from orchestration.identity.review import id_stability
    from orchestration.identity.scoring import model_file, read_model

    table = _table("what", "value")
    with connect(settings, read_only=True) as connection:
        for name, value in id_stability(connection).items():
            table.add_row(name.replace("_", " "), str(value))
    trained = model_file(settings.warehouse)
    table.add_row("model", str(trained) if trained.exists() else "shipped (seeds/policy/comparison_levels.csv)")
    for name, value in (read_model(trained).provenance if trained.exists() else {}).items():
        table.add_row(f"model {name.replace('_', ' ')}", str(value))
    out.print(table)


@identity.command("train")
def train(
    why: WhyOption,
    by: ByOption,
    to: Annotated[
        Path | None,
        typer.Option(help="Write the model here only, to compare it by `c360 identity diff --model` first."),
    ] = None,
    warehouse: WarehouseOption = None,
) -> None:
    """Estimate the model anew from this warehouse's records; the next refresh applies it."""
    settings = _settings(warehouse)
    from orchestration.database import connect
    from orchestration.identity.scoring import model_file
    from orchestration.identity.training import train_model
    from orchestration.run_lock import RunLock

    with RunLock(settings), connect(settings) as connection:
        model = train_model(connection, settings, by, why, to)
    records, matches = model.provenance["records"], model.provenance["expected_matches"]
    place = to or model_file(settings.warehouse)
    _say(f"Trained on {records:,} records, {matches:,.0f} pairs expected to match: {place}")
    if to is None:
        _say("`c360 refresh` applies it; move the file away to return to the shipped model.")
    else:
        _say(f"Next: c360 identity diff --model {to}")


@identity.command("accept")
def accept(why: WhyOption, by: ByOption, warehouse: WarehouseOption = None) -> None:
    """Accept the id changes of a run that was held because there are too many."""
    settings = _settings(warehouse)
    from orchestration.database import connect
    from orchestration.identity.customer_ids import accept_changes

    with connect(settings, read_only=True) as connection:
        changed = accept_changes(connection, settings.warehouse / "identity", by, _today(settings), why)
    _say(f"{changed} changed ids accepted. Run `c360 refresh` to publish them.")


@identity.command("diff")
def diff(
    policy: Annotated[
        Path | None, typer.Option(help="Folder with changed policy files; those it lacks are the present ones.")
    ] = None,
    model: Annotated[Path | None, typer.Option(help="Another trained model (JSON).")] = None,
    warehouse: WarehouseOption = None,
) -> None:
    """What another policy or model would change, in pairs, clusters, customers and net revenue. Changes nothing."""
    settings = _settings(warehouse)
    from orchestration.identity.what_if import compare_with_present

    table = _table("what", "present", "with the change", "difference")
    for measure, present, changed, difference in compare_with_present(settings, policy=policy, model=model).rows():
        table.add_row(measure, present, changed, difference)
    out.print(table)


def _print_links(links: "Sequence[Link]") -> None:
    if not links:
        return
    table = _table("left", "right", "rule", "probability", "what it rests on")
    for link in links:
        table.add_row(str(link.left), str(link.right), link.rule, f"{link.probability:.4f}", link.words)
    out.print(table)


def _table(*columns: str, title: str | None = None) -> Table:
    """A table that folds record keys and never cuts them, so that they can be copied."""
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _say(text: str) -> None:
    out.print(text, highlight=False, markup=False, soft_wrap=True)


def _settings(warehouse: Path | None) -> Settings:
    if warehouse is not None:
        os.environ["C360_WAREHOUSE"] = str(warehouse.resolve())
    return Settings()


def _today(settings: Settings) -> date:
    return datetime.now(ZoneInfo(settings.timezone)).date()

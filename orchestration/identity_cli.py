"""`c360 explain`, `unmerge`, `review …` and `identity …`: each reads its options, calls one function, prints.

Record keys and fields are shown, values never.
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orchestration.cli_options import (
    BINDS,
    CUSTOMERS,
    ByOption,
    ExportOption,
    JsonOption,
    LimitOption,
    WarehouseOption,
    WhyOption,
    done,
    out,
    person,
    say,
    say_json,
    settings_for,
    table,
    today,
)
from orchestration.errors import UserError

if TYPE_CHECKING:
    from orchestration.identity.explain import Link

review = typer.Typer(help="Pairs that a person should decide, and what was decided.", no_args_is_help=True)
identity = typer.Typer(
    help="Customer ids: what the last run changed, and what another policy would.", no_args_is_help=True
)

_OPEN = {
    "left": "left",
    "right": "right",
    "match_weight": "weight",
    "match_probability": "probability",
    "agree": "agree",
    "differ": "differ",
    "reason": "why it is open",
}
_DECIDED = {
    "row_number": "row",
    "left": "left",
    "right": "right",
    "decision": "decision",
    "decided_by": "by",
    "decided_on": "on",
    "status": "status",
    "message": "why it does not bind",
}


def register(app: typer.Typer) -> None:
    """Add these commands to `c360`."""
    app.command(rich_help_panel=CUSTOMERS)(explain)
    app.command(rich_help_panel=CUSTOMERS)(unmerge)
    app.add_typer(review, name="review", rich_help_panel=CUSTOMERS)
    app.add_typer(identity, name="identity", rich_help_panel=CUSTOMERS)


def explain(
    who: Annotated[str, typer.Argument(help="Customer id, or a record as source:key.")],
    other: Annotated[str | None, typer.Argument(help="A second one: why are they one customer, or not?")] = None,
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Why records are one customer, or why two are not: links, fields, match weights, in words."""
    settings = settings_for(warehouse)
    from orchestration.database import connect
    from orchestration.identity.explain import explain_customer, explain_pair

    with connect(settings, read_only=True) as connection:
        if other is None:
            told = explain_customer(connection, who)
            if as_json:
                names = ("record", "matched_by", "confidence", "since")
                records = [dict(zip(names, (str(r[0]), *r[1:]), strict=True)) for r in told.records]
                links = [_link(link) for link in told.links]
                say_json({**asdict(told), "records": records, "links": links})
                return
            shown = table("record", "matched by", "confidence", "since", title=told.customer_id)
            for record, rule, confidence, since in told.records:
                shown.add_row(str(record), rule, f"{confidence:.3f}", str(since))
            out.print(shown)
            _print_links(told.links)
            for line in told.history:
                say(line)
            return
        pair = explain_pair(connection, settings, who, other)
    if as_json:
        named = {"left": str(pair.left), "right": str(pair.right), "path": [_link(link) for link in pair.path]}
        say_json({**asdict(pair), **named})
        return
    say(
        f"{pair.outcome}: {pair.left} ({pair.customers[0] or 'no customer'}) and "
        f"{pair.right} ({pair.customers[1] or 'no customer'})"
    )
    shown = table("field", "level", "match weight", "in words")
    for field in pair.fields:
        shown.add_row(field.field, field.level, "" if field.weight is None else f"{field.weight:+.2f}", field.words)
    if pair.base is not None:
        shown.add_row(
            "", "", f"{pair.base:+.2f}", "how rare the name is, and how seldom any two records are one person"
        )
    shown.add_row("sum", "", f"{pair.weight:+.2f}", "above 0: more likely one person than two")
    out.print(shown)
    for reason in pair.reasons:
        say(f"- {reason}")
    _print_links(pair.path)


def unmerge(
    who: Annotated[str, typer.Argument(help="Customer id; or an id that was merged away, to take the merge back.")],
    why: WhyOption,
    by: ByOption = None,
    records: Annotated[list[str] | None, typer.Argument(help="Records to part from it, as source:key.")] = None,
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Part records from the rest of their customer, for good."""
    settings = settings_for(warehouse)
    from orchestration.database import connect
    from orchestration.identity.explain import unmerge as part

    with connect(settings, read_only=True) as connection:
        written = part(connection, settings, who, records or [], person(by), today(settings), why)
    done(as_json, f"{written} decisions written. {BINDS}", decisions=written)


@review.command("list")
def list_pairs(
    warehouse: WarehouseOption = None,
    limit: LimitOption = 20,
    decided: Annotated[bool, typer.Option("--decided", help="What was decided, and whether it binds.")] = False,
    export: ExportOption = None,
    as_json: JsonOption = False,
) -> None:
    """Open pairs, the likeliest first, with the fields that agree and differ."""
    settings = settings_for(warehouse)
    from orchestration.database import connect
    from orchestration.identity.review import decided_pairs, export_pairs, open_pairs

    with connect(settings, read_only=True) as connection:
        if export is not None:
            written = export_pairs(connection, export)
            said = (
                f"{written} pairs written to {export}: fill in decision (same, different), decided_by, decided_on and "
                "why, then `c360 review import`."
            )
            done(as_json, said, pairs=written, path=export)
            return
        rows = decided_pairs(connection) if decided else open_pairs(connection, limit)
    columns = _DECIDED if decided else _OPEN
    if as_json:
        say_json([dict(zip(columns, row, strict=True)) for row in rows])
        return
    if not rows:
        say("Nothing was decided so far." if decided else "No pair is open.")
        return
    shown = table(*columns.values())
    for row in rows:
        shown.add_row(*(str(value) if value is not None else "" for value in row))
    out.print(shown)
    if not decided:
        say("Next: c360 review decide LEFT RIGHT same|different --why …; c360 explain LEFT RIGHT tells more.")


@review.command("decide")
def decide_pair(
    left: Annotated[str, typer.Argument(help="A record as source:key, or its key.")],
    right: Annotated[str, typer.Argument(help="The other record.")],
    decision: Annotated[str, typer.Argument(help="same or different")],
    why: WhyOption,
    by: ByOption = None,
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say that two records are the same person or different people."""
    settings = settings_for(warehouse)
    from orchestration.database import connect
    from orchestration.identity.decisions import Decision
    from orchestration.identity.explain import decide, record_named

    if decision not in ("same", "different"):
        raise UserError(f"`{decision}` is no decision: write same or different.")
    with connect(settings, read_only=True) as connection:
        refs = [record_named(connection, text) for text in (left, right)]
        made = Decision(
            refs[0], refs[1], "same" if decision == "same" else "different", person(by), today(settings), why
        )
        decide(connection, settings, made)
    said = f"{refs[0]} and {refs[1]}: {decision}. {BINDS}"
    done(as_json, said, left=refs[0], right=refs[1], decision=decision)


@review.command("revoke")
def revoke_pair(
    left: Annotated[str, typer.Argument(help="A record as source:key, or its key.")],
    right: Annotated[str, typer.Argument(help="The other record.")],
    by: ByOption = None,
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take back what was decided about two records; they are linked by evidence again."""
    settings = settings_for(warehouse)
    from orchestration.identity.decisions import decisions_file, revoke
    from orchestration.identity.review import decided_record

    file = decisions_file(settings.warehouse)
    refs = [decided_record(file, text) for text in (left, right)]
    revoked = revoke(file, refs[0], refs[1], person(by), today(settings))
    said = f"Revoked what was decided about {refs[0]} and {refs[1]}. {BINDS}"
    done(as_json, said, left=refs[0], right=refs[1], revoked=revoked)


@review.command("import")
def import_decisions(
    file: Annotated[Path, typer.Argument(help="A filled-in export of `c360 review list --export`.")],
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take in the decisions of a CSV file; rows without a decision stay open."""
    settings = settings_for(warehouse)
    from orchestration.identity.review import import_decisions as take_in

    taken = take_in(settings.warehouse, file)
    said = f"{taken} decisions taken in. {BINDS} `c360 review list --decided` then tells which bind."
    done(as_json, said, taken_in=taken)


@identity.command("status")
def status(warehouse: WarehouseOption = None, as_json: JsonOption = False) -> None:
    """How many ids the last run changed, how many it may, whether it is held, and which model is in force."""
    settings = settings_for(warehouse)
    from orchestration.database import connect
    from orchestration.identity.review import id_stability
    from orchestration.identity.scoring import model_file, read_model

    with connect(settings, read_only=True) as connection:
        told: dict[str, Any] = id_stability(connection)
    trained = model_file(settings.warehouse)
    told["model"] = str(trained) if trained.exists() else "shipped (seeds/policy/comparison_levels.csv)"
    told |= {f"model_{k}": v for k, v in (read_model(trained).provenance if trained.exists() else {}).items()}
    if as_json:
        say_json(told)
        return
    shown = table("what", "value")
    for name, value in told.items():
        shown.add_row(name.replace("_", " "), str(value))
    out.print(shown)
    if told.get("held"):
        say("Held: nothing is published. Next: take the cause back, or c360 identity accept --why …")


@identity.command("train")
def train(
    why: WhyOption,
    by: ByOption = None,
    to: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write the model here only, to compare it by `c360 identity diff --model` first.",
            show_default=False,
        ),
    ] = None,
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Estimate the model anew from this warehouse's records; the next refresh applies it."""
    settings = settings_for(warehouse)
    from orchestration.cli_progress import progress
    from orchestration.database import connect
    from orchestration.identity.scoring import model_file
    from orchestration.identity.training import train_model
    from orchestration.run_lock import RunLock

    with RunLock(settings), connect(settings) as connection, progress("training") as report:
        model = train_model(connection, settings, person(by), why, to, progress=report)
    records, matches = model.provenance["records"], model.provenance["expected_matches"]
    place = to or model_file(settings.warehouse)
    if as_json:
        say_json({**model.provenance, "path": place, "in_force": to is None})
        return
    say(f"Trained on {records:,} records, {matches:,.0f} pairs expected to match: {place}")
    if to is None:
        say("`c360 refresh` applies it; move the file away to return to the shipped model.")
    else:
        say(f"Next: c360 identity diff --model {to}")


@identity.command("accept")
def accept(why: WhyOption, by: ByOption = None, warehouse: WarehouseOption = None, as_json: JsonOption = False) -> None:
    """Accept the id changes of a run that was held because there are too many."""
    settings = settings_for(warehouse)
    from orchestration.database import connect
    from orchestration.identity.customer_ids import accept_changes

    with connect(settings, read_only=True) as connection:
        changed = accept_changes(connection, settings.warehouse / "identity", person(by), today(settings), why)
    done(as_json, f"{changed} changed ids accepted. Run `c360 refresh` to publish them.", ids=changed)


@identity.command("diff")
def diff(
    policy: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Folder with changed policy files; those it lacks are the present ones.",
            show_default=False,
        ),
    ] = None,
    model: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Another trained model (JSON).", show_default=False)
    ] = None,
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """What another policy or model would change, in pairs, clusters, customers and net revenue. Changes nothing.

    Everything is resolved anew aside: it takes as long as identity takes in a first refresh, minutes at a million
    records, and as much room on the disk as the identity tables.
    """
    settings = settings_for(warehouse)
    from orchestration.cli_progress import progress
    from orchestration.identity.what_if import compare_with_present

    with progress("comparing") as report:
        found = compare_with_present(settings, policy=policy, model=model, progress=report)
    if as_json:
        say_json(asdict(found))
        return
    shown = table("what", "present", "with the change", "difference")
    for row in found.rows():
        shown.add_row(*row)
    out.print(shown)


def _link(link: "Link") -> dict[str, Any]:
    """A link as JSON shows it, records by name."""
    return {**asdict(link), "left": str(link.left), "right": str(link.right)}


def _print_links(links: "Sequence[Link]") -> None:
    if not links:
        return
    shown = table("left", "right", "rule", "probability", "what it rests on")
    for link in links:
        shown.add_row(str(link.left), str(link.right), link.rule, f"{link.probability:.4f}", link.words)
    out.print(shown)

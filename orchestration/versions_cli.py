"""`c360 versions`, `rollback` and `diff`: what was published, going back, and what differs.

Each reads its options, calls one function, prints. Nothing here shows personal data: published versions hold none.
"""

from dataclasses import asdict
from typing import Annotated, Any

import typer

from orchestration.cli_completion import versions as completed_versions
from orchestration.cli_options import (
    RECOVERY,
    ByOption,
    JsonOption,
    WarehouseOption,
    WhyOption,
    out,
    person,
    say,
    say_aside,
    say_json,
    settings_for,
    table,
    version_facts,
)
from orchestration.errors import UserError
from orchestration.settings import Settings


def register(app: typer.Typer) -> None:
    """Add these commands to `c360`."""
    app.command(rich_help_panel=RECOVERY)(versions)
    app.command(rich_help_panel=RECOVERY)(rollback)
    app.command(rich_help_panel=RECOVERY)(diff)


def versions(
    warehouse: WarehouseOption = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Compare each file with the checksum of the day it was checked.")
    ] = False,
    log: Annotated[bool, typer.Option("--log", help="Every switch of readers instead: when, who, why.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Published versions, newest first, and which one readers see.

    Exit status 2: --verify found a damaged file.
    """
    settings = settings_for(warehouse)
    if log:
        _print_log(settings, as_json)
        return
    rows = _version_rows(settings, verify)
    if as_json:
        say_json(rows)
    elif not rows:
        say(f"Nothing is published in {settings.warehouse} yet. Next: c360 refresh")
    else:
        shown = table("version", "as of", "published (UTC)", "checks", "size", "sha256", "state")
        for row in rows:
            checks = "" if row["checks_passed"] is None else f"{row['checks_passed']} passed"
            if row["checks_warned"]:
                checks += f", {row['checks_warned']} warned"
            shown.add_row(
                row["version"],
                str(row["as_of"]),
                f"{row['published_at']:%Y-%m-%d %H:%M:%S}",
                checks,
                f"{row['bytes'] / 1e6:,.1f} MB",
                row["sha256"][:12],
                ", ".join(row["state"]),
            )
        out.print(shown)
    damaged = [row["version"] for row in rows if row.get("intact") is False]
    if damaged:
        raise UserError(
            f"The file of version {', '.join(damaged)} is not the one that was checked. "
            "If readers see it, `c360 rollback` to another; `c360 restore` brings it back from a backup, and "
            "`c360 rebuild` publishes anew from raw."
        )


def _version_rows(settings: Settings, verify: bool) -> list[dict[str, Any]]:
    from orchestration.publication.rollback import hold_in_force
    from orchestration.publication.versions import current_version, is_intact, list_versions

    current, hold = current_version(settings), hold_in_force(settings)
    taken_back = {t.version for t in hold.taken_back} if hold else set()
    rows: list[dict[str, Any]] = []
    for version in reversed(list_versions(settings)):
        is_current = current is not None and current.id == version.id
        states = {
            "current": is_current,
            "pinned": is_current and hold is not None and hold.pinned,
            "held since a rollback": is_current and hold is not None and not hold.pinned,
            "taken back": version.id in taken_back,
        }
        row: dict[str, Any] = {
            "version": version.id,
            "as_of": version.manifest.as_of,
            "published_at": version.manifest.created_at,
            "checks_passed": version.manifest.checks_passed,
            "checks_warned": version.manifest.checks_warned,
            "bytes": version.manifest.bytes,
            "sha256": version.manifest.sha256,
            "storage_version": version.manifest.storage_version,
            "current": is_current,
            "held": is_current and hold is not None,
            "held_by": hold.by if hold and is_current else None,
            "held_why": hold.why if hold and is_current else None,
            "taken_back": version.id in taken_back,
            "file": str(version.file),
        }
        if verify:
            row["intact"] = is_intact(version)
            states |= {"intact": row["intact"], "DAMAGED": not row["intact"]}
        rows.append(row | {"state": [name for name, holds in states.items() if holds]})
    return rows


def _print_log(settings: Settings, as_json: bool) -> None:
    from orchestration.publication.rollback import switches

    found = switches(settings)
    if as_json:
        say_json([asdict(switch) for switch in found])
        return
    shown = table("at (UTC)", "what", "version", "before", "by", "why")
    for s in found:
        shown.add_row(f"{s.at:%Y-%m-%d %H:%M:%S}", s.action, s.version, s.previous or "", s.by, s.why)
    out.print(shown)


def rollback(
    version: Annotated[
        str | None,
        typer.Argument(
            help="Version or its beginning; default is the one before the current.", autocompletion=completed_versions
        ),
    ] = None,
    why: WhyOption = "no reason given",
    by: ByOption = None,
    pin: Annotated[
        bool,
        typer.Option("--pin", help="Publish nothing more, also from other inputs, until `c360 refresh --publish`."),
    ] = False,
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let readers see an earlier version again, at once.

    A refresh publishes again as soon as a delivery, a rule or the code is another; never again from the same inputs
    that made what was taken back, unless you say `c360 refresh --publish`. Exit status 2: no such version, or damaged.
    """
    settings = settings_for(warehouse)
    from orchestration.publication.rollback import hold_in_force
    from orchestration.publication.rollback import rollback as go_back

    chosen = go_back(settings, version, by=person(by), why=why, pin=pin)
    hold = hold_in_force(settings)
    if as_json:
        say_json({**version_facts(chosen), "hold": hold.model_dump(mode="json") if hold else None})
        return
    say(f"Readers see version {chosen.id}, as of {chosen.manifest.as_of}.")
    if hold and hold.pinned:
        say("It is pinned: nothing is published until `c360 refresh --publish`.")
    elif hold:
        taken = ", ".join(t.version for t in hold.taken_back)
        say(
            f"Taken back: {taken}. What made it will not be published again: mend the delivery or the rule and "
            f"`c360 refresh`, or `c360 refresh --publish` to publish it all the same. What differs: "
            f"c360 diff {chosen.id} {hold.taken_back[-1].version}"
        )


def release(settings: Settings) -> None:
    """Take away what a rollback left, and say so: `c360 refresh --publish`."""
    from orchestration.publication.rollback import release_hold

    hold = release_hold(settings, by=person(None), why="c360 refresh --publish")
    if hold is not None:
        say_aside(f"The hold on version {hold.version} ({hold.why}) is taken away.")


def diff(
    before: Annotated[
        str, typer.Argument(help="Version, its beginning, `previous` or `current`.", autocompletion=completed_versions)
    ] = "previous",
    after: Annotated[str, typer.Argument(help="The other one.", autocompletion=completed_versions)] = "current",
    warehouse: WarehouseOption = None,
    as_json: JsonOption = False,
) -> None:
    """What differs between two published versions: tables, customers, tiers and KPIs.

    Exit status 2: there is no such version.
    """
    settings = settings_for(warehouse)
    from orchestration.publication.diff import compare
    from orchestration.publication.versions import find_version

    found = compare(find_version(settings, before), find_version(settings, after))
    if as_json:
        say_json({**asdict(found), "same": found.same})
        return
    say(f"From {found.before}, as of {found.as_of_before}, to {found.after}, as of {found.as_of_after}:")
    if found.same:
        say("Both hold the same.")
        return
    people = found.customers
    say(
        f"Customers: {people.before:,} to {people.after:,}; {people.new:,} new, {people.gone:,} gone "
        f"({people.merged:,} merged into another, {people.retired:,} without records)."
    )
    if people.net_revenue_before is not None and people.net_revenue_after is not None:
        say(f"Net revenue of customers: {people.net_revenue_before:,.2f} to {people.net_revenue_after:,.2f} CNY.")
    tables = table("table", "rows before", "rows after", "difference", "columns", title="Tables that differ")
    for t in found.tables:
        columns = [*(f"+ {c}" for c in t.columns_added), *(f"- {c}" for c in t.columns_removed), *t.columns_retyped]
        if t.rows_before is None or t.rows_after is None:
            columns = ["new table" if t.rows_before is None else "table is gone"]
        difference = (t.rows_after or 0) - (t.rows_before or 0)
        shown = f"{difference:+,}" if difference else "other content"
        tables.add_row(t.table, _count(t.rows_before), _count(t.rows_after), shown, "\n".join(columns))
    out.print(tables)
    if found.tier_moves:
        moves = table("scheme", "from", "to", "customers", title="Tiers moved")
        for m in found.tier_moves:
            moves.add_row(m.scheme, m.tier_before or "none", m.tier_after or "none", f"{m.customers:,}")
        out.print(moves)
    if found.kpis:
        kpis = table("KPI", "before", "after", "status before", "status after", title="KPIs moved")
        for k in found.kpis:
            kpis.add_row(
                k.kpi, _number(k.value_before), _number(k.value_after), k.status_before or "", k.status_after or ""
            )
        out.print(kpis)


def _count(rows: int | None) -> str:
    return "" if rows is None else f"{rows:,}"


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.4f}"

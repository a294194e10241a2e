"""The quality of a run on one page: an HTML file that needs no network, and shows nobody's data.

What belongs here: choosing what a data engineer wants to see in the morning, and writing it as HTML. What does not:
measuring (the tables of `quality`), and where the page is linked (`checks.py`, publication).

Everything that stands on the page goes through `_text`: masked, then escaped. File names, headers and values come from
outside.
"""

import html
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import duckdb

from data_quality.results import mask
from orchestration.database import table_exists
from orchestration.files import write_whole
from orchestration.gates.conservation import HOPS

REPORT_NAME = "quality.html"

_STYLE = """
body{font:15px/1.5 system-ui,"Noto Sans SC",sans-serif;margin:2rem auto;max-width:76rem;padding:0 1rem;color:#1d2733}
h1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin:2rem 0 .4rem}p{margin:.2rem 0;color:#52606d}
table{border-collapse:collapse;width:100%;font-size:.88rem}th,td{text-align:left;padding:.3rem .6rem;vertical-align:top}
th{border-bottom:2px solid #cbd2d9}td{border-bottom:1px solid #e4e7eb;overflow-wrap:anywhere}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
.green{color:#05603a}.yellow{color:#92400e}.red{color:#b42318;font-weight:600}
.verdict{font-size:1.1rem;margin:.6rem 0 0}
"""


@dataclass(frozen=True)
class _Section:
    """One table of the page; `none` is said where it would have no rows."""

    title: str
    note: str
    needs: tuple[str, ...]
    sql: str
    none: str = "Nothing to report."


_LATEST = "run_id = $run_id"

_SECTIONS = (
    _Section(
        "Checks that failed",
        "In this run. An error keeps a version from being published, a warning does not.",
        ("check_results",),
        f"""
        select
            stage, replace(check_name, '_', ' ') as "check", severity, unexpected_rows as rows, observed,
            array_to_string(examples, '; ') as "examples (masked)", owner, why
        from quality.check_results where {_LATEST} and not passed
        order by severity, stage, check_name""",
        "Every check passed.",
    ),
    _Section(
        "Conservation",
        "What goes into each hop comes out of it, in rows and in amounts.",
        ("conservation",),
        f"""
        select
            hop, count(*) as balances, count(*) filter (not is_balanced) as "not balanced",
            coalesce(max(message) filter (not is_balanced), '') as "for example"
        from quality.conservation group by hop
        order by list_position({list(HOPS)}, hop)""",
    ),
    _Section(
        "Newest deliveries",
        "Received = loaded + superseded + repeated + quarantined.",
        ("deliveries",),
        """
        select
            concat_ws('/', source, dataset) as dataset, delivery_date as delivered, files, rows_received as received,
            rows_loaded as loaded, rows_superseded as superseded, rows_repeated as repeated,
            rows_quarantined as quarantined, amount_received as "amount received"
        from quality.deliveries
        order by delivery_date desc nulls first, source, dataset limit 24""",
    ),
    _Section(
        "Open quarantine",
        "Rows and files that wait for a person: c360 quarantine list.",
        ("quarantine",),
        """
        select
            concat_ws('/', source, dataset) as dataset, reason, level, count(*) as entries,
            min(delivery_date) as "from", max(delivery_date) as "to"
        from (select *, unnest(reasons) as reason from quality.quarantine where status = 'open')
        group by source, dataset, reason, level
        order by entries desc, dataset, reason limit 40""",
        "Nothing waits.",
    ),
    _Section(
        "Drift",
        "What the newest deliveries do otherwise than promised or usual (drift_rules.csv).",
        ("drift",),
        """
        select severity, replace(finding, '_', ' ') as finding, message, rows
        from quality.drift where is_newest
        order by severity, finding, message limit 60""",
        "The newest deliveries are as usual.",
    ),
    _Section(
        "Scorecard",
        "The newest delivery of each dataset: the lowest share of each dimension, and how many fields are not green.",
        ("scorecard",),
        """
        select
            concat_ws('/', source, dataset) as dataset, dimension, min(value) as "lowest share",
            coalesce(arg_min(field, value), 'whole row') as "in field",
            count(*) filter (status = 'red') as red, count(*) filter (status = 'yellow') as yellow,
            count(*) filter (trend = 'down') as falling
        from quality.scorecard where is_newest
        group by source, dataset, dimension
        order by dataset, dimension""",
    ),
    _Section(
        "Fields that are not green",
        "Bounds and owners: scorecard_targets.csv.",
        ("scorecard",),
        """
        select
            status, concat_ws('/', source, dataset) as dataset, coalesce(field, 'whole row') as field, dimension,
            value as share, rows_failing as failing, rows_checked as checked, usual_value as usual,
            coalesce(trend, '') as trend, owner
        from quality.scorecard where is_newest and status <> 'green'
        order by status, value, dataset, field limit 60""",
        "Every field is green.",
    ),
    _Section(
        "All checks",
        "With the time they took.",
        ("check_results",),
        f"""
        select
            stage, replace(check_name, '_', ' ') as "check", table_name as "table",
            case when passed then 'passed' when severity = 'error' then 'failed' else 'warned' end as outcome,
            seconds, owner, why
        from quality.check_results where {_LATEST}
        order by list_position(['raw', 'clean', 'identity', 'marts', 'published'], stage), check_name""",
    ),
    _Section(
        "Checks over time",
        "The last runs, newest first.",
        ("check_results",),
        """
        select
            max(checked_at) as checked, run_id as run, count(*) as checks,
            count(*) filter (not passed and severity = 'error') as failed,
            count(*) filter (not passed and severity = 'warn') as warned, sum(seconds) as seconds
        from quality.check_results group by run_id order by checked desc limit 14""",
    ),
)


def write_report(con: duckdb.DuckDBPyConnection, path: Path, *, run_id: str, as_of: date, title: str) -> None:
    """Write the page of one run in place of what was there, whole or not at all.

    Args:
        con: The working database; reading is enough.
        path: The file to write.
        run_id: The Dagster run whose checks are shown.
        as_of: The business day of evaluation.
        title: What the page is about, for instance a version.
    """
    parts = [_head(con, run_id, as_of, title)]
    for section in _SECTIONS:
        if all(table_exists(con, "quality", table) for table in section.needs):
            parameters = {"run_id": run_id} if "$run_id" in section.sql else {}
            # A table that an earlier release wrote may lack a column; the page goes without it rather than the run.
            with suppress(duckdb.BinderException):
                found = con.execute(section.sql, parameters)
                names = [column[0] for column in found.description or []]
                parts.append(_table(section, names, found.fetchall()))
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
        f"<title>{_text(title)}</title><style>{_STYLE}</style></head><body>{''.join(parts)}</body></html>\n"
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, page)


def _head(con: duckdb.DuckDBPyConnection, run_id: str, as_of: date, title: str) -> str:
    counted = None
    if table_exists(con, "quality", "check_results"):
        counted = con.execute(
            "select count(*), count(*) filter (not passed and severity = 'error'), "
            "count(*) filter (not passed and severity = 'warn') from quality.check_results where run_id = ?",
            [run_id],
        ).fetchone()
    checks, failed, warned = counted or (0, 0, 0)
    colour = "red" if failed else "yellow" if warned else "green"
    return (
        f"<h1>{_text(title)}</h1><p>As of {_text(as_of)}, run {_text(run_id)}</p>"
        f'<p class="verdict {colour}">{checks - failed - warned} of {checks} checks passed, {warned} warn, '
        f"{failed} stand against publication.</p>"
    )


def _table(section: _Section, names: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    head = f"<h2>{_text(section.title)}</h2><p>{_text(section.note)}</p>"
    if not rows:
        return f'{head}<p class="green">{_text(section.none)}</p>'
    numeric = [all(isinstance(row[i], int | float | Decimal | None) for row in rows) for i in range(len(names))]
    header = "".join(f"<th{' class=n' if n else ''}>{_text(name)}</th>" for name, n in zip(names, numeric, strict=True))
    body = "".join(
        "<tr>" + "".join(_cell(name, value, n) for name, value, n in zip(names, row, numeric, strict=True)) + "</tr>"
        for row in rows
    )
    return f"{head}<table><thead><tr>{header}</tr></thead><tbody>{body}</tbody></table>"


_COLOURS = {"error": "red", "block": "red", "failed": "red", "red": "red", "down": "yellow", "warn": "yellow"} | {
    "warned": "yellow",
    "yellow": "yellow",
    "passed": "green",
    "green": "green",
}


def _cell(name: str, value: object, numeric: bool) -> str:
    if numeric:
        # What counts something bad is loud as soon as it is not nothing.
        loud = name in ("not balanced", "failed", "red") and value
        return f'<td class="n{" red" if loud else ""}">{_number(value)}</td>'
    shown = str(value).replace("_to_", " ► ").replace("_", " ") if name == "hop" else value
    colour = _COLOURS.get(str(value), "") if name in ("severity", "outcome", "status", "trend") else ""
    return f'<td class="{colour}">{_text(shown)}</td>' if colour else f"<td>{_text(shown)}</td>"


def _number(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:,.4f}".rstrip("0").rstrip(".")


def _text(value: object) -> str:
    """A text that is safe to show: nobody's number or mailbox, and no markup."""
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat(" ", "seconds")
    return html.escape(mask(str(value)))

"""What people decided about quarantined rows: release, with corrections or as they are, or discard.

What belongs here: the file of these decisions (`<warehouse>/decisions/quarantine.csv`), which faults a person may
overrule, and putting released rows back among the good ones. What does not: finding faults (`conform.py`), keeping
what is set aside (`quarantine.py`), and showing it (`quarantine_view.py`).

A decision names an *entry*: file, line and content as delivered, as a checksum. It binds every later run as long as
the file holds that row; where the file is delivered again with another row in its place, the decision is about
nothing and the new row is judged afresh.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Literal

import duckdb
import pyarrow as pa

from data_quality.contract import Contract
from orchestration.cleaning.conform import conform_sql
from orchestration.cleaning.decision_files import append_rows, read_day, read_rows
from orchestration.cleaning.null_tokens import NullToken
from orchestration.database import identifier, literal
from orchestration.errors import UserError
from orchestration.settings import Settings

Verdict = Literal["released", "discarded", "reopened"]
VERDICTS: tuple[Verdict, ...] = ("released", "discarded", "reopened")

_COLUMNS = (
    "entry_id",
    "source",
    "dataset",
    "delivery_date",
    "file",
    "line_number",
    "decision",
    "corrections",
    "decided_by",
    "decided_on",
    "why",
)


@dataclass(frozen=True)
class EntryDecision:
    """One row of the file; `corrections` are texts by column, read as if the source had delivered them."""

    entry_id: str
    source: str
    dataset: str
    delivery_date: str
    file: str
    line_number: str
    verdict: Verdict
    decided_by: str
    decided_on: date
    why: str
    corrections: Mapping[str, str] = field(default_factory=dict)


def decisions_file(settings: Settings) -> Path:
    """Where decisions about quarantined rows and files are kept."""
    return settings.decisions_dir / "quarantine.csv"


def read_decisions(settings: Settings) -> dict[str, EntryDecision]:
    """The decision in force for each entry, by entry id: the last one that was known on `known_on`.

    Raises:
        UserError: a row of the file cannot be used; the message names it.
    """
    path = decisions_file(settings)
    found: dict[str, EntryDecision] = {}
    for number, row in read_rows(path, _COLUMNS):
        verdict = next((v for v in VERDICTS if v == row["decision"]), None)
        if verdict is None or not row["entry_id"]:
            raise UserError(
                f"{path} row {number}: entry_id {row['entry_id']!r} must be given and decision {row['decision']!r} be "
                f"one of {', '.join(VERDICTS)}. Correct or delete the row."
            )
        try:
            corrections = json.loads(row["corrections"] or "{}")
            if not isinstance(corrections, dict) or not all(isinstance(v, str) for v in corrections.values()):
                raise ValueError
        except ValueError as error:
            raise UserError(
                f'{path} row {number}: corrections must be JSON such as {{"amount": "12.50"}}. Correct the row.'
            ) from error
        decided_on = read_day(path, number, "decided_on", row["decided_on"])
        if settings.is_known(decided_on):
            found[row["entry_id"]] = EntryDecision(
                entry_id=row["entry_id"],
                source=row["source"],
                dataset=row["dataset"],
                delivery_date=row["delivery_date"],
                file=row["file"],
                line_number=row["line_number"],
                verdict=verdict,
                decided_by=row["decided_by"],
                decided_on=decided_on,
                why=row["why"],
                corrections=corrections,
            )
    return found


def append_decisions(settings: Settings, decisions: Sequence[EntryDecision]) -> None:
    """Add decisions at the end of the file.

    Raises:
        UserError: the file that is there cannot be read or written.
    """
    append_rows(
        decisions_file(settings),
        _COLUMNS,
        [
            {
                "entry_id": d.entry_id,
                "source": d.source,
                "dataset": d.dataset,
                "delivery_date": d.delivery_date,
                "file": d.file,
                "line_number": d.line_number,
                "decision": d.verdict,
                "corrections": json.dumps(dict(d.corrections), ensure_ascii=False) if d.corrections else "",
                "decided_by": d.decided_by,
                "decided_on": d.decided_on.isoformat(),
                "why": d.why,
            }
            for d in decisions
        ],
    )


def entry_id_sql(contract: Contract, file: str, line: str, row_content: str) -> str:
    """SQL of the id of a quarantined row: a checksum of dataset, file, line and content as delivered."""
    place = literal(f"{contract.source}/{contract.dataset}")
    content = f"cast(list_sort(map_entries({row_content})) as varchar)"
    return f"left(md5(concat_ws('|', {place}, {file}, cast({line} as varchar), {content})), 12)"


def needs_correction(contract: Contract, reasons: Sequence[str]) -> list[str]:
    """The reasons of a row for which it cannot be loaded as it is: no key, or no required value that can be read."""
    return [r for r in reasons if _prevents_loading(contract, r)]


def _prevents_loading(contract: Contract, reason: str) -> bool:
    fault, _, column = reason.partition(":")
    if not column:
        return all(rule.code != fault for rule in contract.row_rules)
    return fault == "missing" or (fault in ("unreadable", "unknown_value") and column in contract.required)


def apply(
    con: duckdb.DuckDBPyConnection,
    contract: Contract,
    tokens: tuple[NullToken, ...],
    zone: str,
    decisions: Mapping[str, EntryDecision],
) -> int:
    """Put released rows back among the good rows of `conformed_rows`; give their number.

    A released row is read again with its corrections. Faults that a person may overrule (out of range, in the future,
    zero, a rule between two columns, an optional value that cannot be read) no longer count; a row that still lacks
    its key or a required value stays in quarantine.

    Leaves the temporary table `released_rows(file_id, _line, record_key, reasons, row_content, amount)`: one row per
    row that was put back, as it stood in quarantine.
    """
    amount = f"coalesce(rows.{identifier(contract.amount)}, 0)" if contract.amount else "0"
    con.execute(f"""
        create or replace temp table released_rows as
        select
            rows.rowid as row, rows.file_id, rows._line, rows.record_key, rows.reasons, rows.row_content,
            cast({amount} as decimal(38, 4)) as amount, null::varchar as entry_id,
            null::map(varchar, varchar) as corrections
        from conformed_rows as rows where false""")
    ours = [
        d
        for d in decisions.values()
        if d.verdict == "released" and (d.source, d.dataset) == (contract.source, contract.dataset) and d.line_number
    ]
    if not ours:
        return 0
    decided = pa.table(
        {
            "entry_id": pa.array([d.entry_id for d in ours], pa.string()),
            "names": pa.array([list(d.corrections) for d in ours], pa.list_(pa.string())),
            "texts": pa.array([list(d.corrections.values()) for d in ours], pa.list_(pa.string())),
        }
    )
    con.register("release_decisions", decided)
    entry = entry_id_sql(contract, "files._file", "rows._line", "rows.row_content")
    con.execute(f"""
        insert into released_rows
        select
            rows.rowid, rows.file_id, rows._line, rows.record_key, rows.reasons, rows.row_content,
            cast({amount} as decimal(38, 4)), decided.entry_id, map(decided.names, decided.texts)
        from conformed_rows as rows
        join conformed_files as files on rows.file_id = files.file_id
        join release_decisions as decided on decided.entry_id = {entry}
        where rows.reasons is not null""")
    con.unregister("release_decisions")
    # The row's number takes the place of its line while it is read again, and leads back to it.
    as_delivered = ", ".join(
        f"coalesce(released.corrections[{literal(name)}], released.row_content[{literal(name)}]) as {identifier(name)}"
        for name in contract.columns
    )
    corrected = f"""(
        select
            {as_delivered}, null::map(varchar, varchar) as _extra, null::varchar as _row_error, null::varchar as _raw,
            files._file, released.row as _line, files._delivery_date
        from released_rows as released join conformed_files as files on released.file_id = files.file_id
    )"""
    con.execute(f"create or replace temp table reread_rows as {conform_sql(corrected, contract, tokens, zone)}")
    preventing = [r for (r,) in con.execute("select distinct unnest(reasons) from reread_rows").fetchall()]
    con.execute(
        "delete from reread_rows where list_has_any(reasons, $1::varchar[])", [needs_correction(contract, preventing)]
    )
    con.execute("delete from released_rows where row not in (select _line from reread_rows)")
    con.execute("delete from conformed_rows where rowid in (select row from released_rows)")
    con.execute("""
        insert into conformed_rows by name
        select reread.* replace (
            released._line as _line, null::varchar[] as reasons, null::map(varchar, varchar) as row_content
        )
        from reread_rows as reread join released_rows as released on reread._line = released.row""")
    con.execute("drop table reread_rows")
    counted = con.execute("select count(*) from released_rows").fetchone()
    return int(counted[0]) if counted else 0


def faults_after(
    contract: Contract,
    tokens: tuple[NullToken, ...],
    zone: str,
    delivery_date: date,
    row_content: Mapping[str, str],
    corrections: Mapping[str, str],
) -> list[str]:
    """The reasons for which a row could still not be loaded if it were released with these corrections."""
    columns = ", ".join(f"$v{number}::varchar as {identifier(name)}" for number, name in enumerate(contract.columns))
    values: dict[str, str | date | None] = {
        f"v{number}": corrections.get(name, row_content.get(name)) for number, name in enumerate(contract.columns)
    }
    with duckdb.connect(":memory:") as con:
        con.execute(f"set timezone = {literal(zone)}")
        con.execute(
            "create temp table conformed_files as select 1 as file_id, $1::date as _delivery_date, '' as _file",
            [delivery_date],
        )
        con.execute(
            f"create temp table delivered as select {columns}, null::map(varchar, varchar) as _extra, "
            "null::varchar as _row_error, null::varchar as _raw, '' as _file, 1::bigint as _line, "
            "$day::date as _delivery_date",
            {**values, "day": delivery_date},
        )
        found = con.execute(f"select reasons from ({conform_sql('delivered', contract, tokens, zone)})").fetchone()
    return needs_correction(contract, found[0] or []) if found else []

"""Values that are loaded and that a person should look at, and what people decided about them.

What belongs here: the rules (`seeds/policy/doubtful_values.csv`), the decisions
(`<warehouse>/decisions/values.csv`), binding them to the rows of a run, and the table of all doubts. What does not:
faults, which keep a row out (`conform.py`), and how doubts are shown and decided (`doubtful_values_view.py`).

A doubt is about a value of a column, of one record (scope `record`) or wherever it stands (scope `value`). A decision
binds every later run: *accept* leaves the value, *reject* treats it as not given (a row that needs it goes to
quarantine, discarded), *correct* puts another in its place, read as if the source had delivered it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal

import duckdb

from data_quality.contract import Contract
from orchestration.cleaning.conform import read_as, sql_type
from orchestration.cleaning.decision_files import append_rows, read_day, read_rows
from orchestration.database import identifier, literal, table_exists
from orchestration.errors import UserError
from orchestration.policy_rows import newest_in_force, policy_day, read_policy_rows
from orchestration.settings import Settings

Verdict = Literal["accept", "reject", "correct", "reopen"]
VERDICTS: tuple[Verdict, ...] = ("accept", "reject", "correct", "reopen")
RULES_FILE = "doubtful_values.csv"
REJECTED = "rejected"

_UNKNOWN = "unknown_value"
_TESTS = {_UNKNOWN, "above", "below", "before", "older_than_years", "younger_than_years"}
_SCOPES = ("value", "record")
_RULE_COLUMNS = ("rule", "dataset", "column_name", "test", "limit_value", "scope", "valid_from", "why")
_COLUMNS = (
    "doubt_id",
    "source",
    "dataset",
    "column_name",
    "record_key",
    "value",
    "decision",
    "corrected_value",
    "decided_by",
    "decided_on",
    "why",
)


@dataclass(frozen=True)
class DoubtRule:
    """One row of the policy; `condition` is SQL on a clean table, None for choices outside the contract's list."""

    rule: str
    source: str
    dataset: str
    column: str
    condition: str | None
    by_record: bool


@dataclass(frozen=True)
class ValueDecision:
    """One row of the file of decisions; `record_key` is '' where the value is meant wherever it stands."""

    source: str
    dataset: str
    column: str
    record_key: str
    value: str
    verdict: Verdict
    corrected_value: str
    decided_by: str
    decided_on: date
    why: str

    @property
    def subject(self) -> tuple[str, str, str, str, str]:
        """What was decided about."""
        return (self.source, self.dataset, self.column, self.record_key, self.value)


def load_rules(policy_dir: Path, contracts: Mapping[str, Contract], on: date) -> list[DoubtRule]:
    """Read the rules in force on a day; of several rows of one rule and column the newest `valid_from` holds.

    Raises:
        UserError: the file is missing, or a row names no column, no test or no limit that can be used.
    """
    path = policy_dir / RULES_FILE
    versions = []
    for number, row in read_policy_rows(path, _RULE_COLUMNS, strip=True):
        found = _rule(f"{path.name} row {number}", row, contracts)
        key = (found.rule, f"{found.source}/{found.dataset}", found.column)
        versions.append((key, policy_day(path, number, "valid_from", row["valid_from"]), found))
    return list(newest_in_force(versions, on).values())


def _rule(where: str, given: Mapping[str, str], contracts: Mapping[str, Contract]) -> DoubtRule:
    if given["test"] not in _TESTS:
        raise UserError(f"{where}: test {given['test']!r} is not known; use one of {', '.join(sorted(_TESTS))}.")
    if given["scope"] not in _SCOPES or not given["rule"]:
        raise UserError(f"{where}: rule must be named and scope {given['scope']!r} be {' or '.join(_SCOPES)}.")
    source, _, dataset = given["dataset"].partition("/")
    if given["test"] == _UNKNOWN:
        if (given["dataset"], given["column_name"], given["scope"]) != ("*", "*", "value"):
            raise UserError(
                f"{where}: the test {_UNKNOWN} is about every dataset and column: write *, * and scope value."
            )
        return DoubtRule(given["rule"], "*", "*", "*", None, by_record=False)
    contract = contracts.get(f"{source}_{dataset}")
    column = contract.columns.get(given["column_name"]) if contract else None
    if contract is None or column is None:
        raise UserError(f"{where}: there is no column {given['column_name']!r} of dataset {given['dataset']!r}.")
    kinds = {"above": ("decimal", "integer"), "below": ("decimal", "integer")}.get(given["test"], ("date", "timestamp"))
    if column.type not in kinds:
        raise UserError(f"{where}: test {given['test']} is about {' and '.join(kinds)}; the column is {column.type}.")
    condition = _condition(where, given["test"], identifier(given["column_name"]), given["limit_value"])
    return DoubtRule(
        given["rule"], source, dataset, given["column_name"], condition, by_record=given["scope"] == "record"
    )


def _condition(where: str, test: str, value: str, limit: str) -> str:
    try:
        match test:
            case "above" | "below":
                return f"{value} {'>' if test == 'above' else '<'} {float(limit)!r}"
            case "before":
                return f"{value} < date {literal(date.fromisoformat(limit).isoformat())}"
            case "older_than_years":
                return f"{value} < _delivery_date - interval {int(limit)} year"
            case _:
                return f"{value} > _delivery_date - interval {int(limit)} year"
    except ValueError as error:
        raise UserError(f"{where}: limit_value {limit!r} is none that test {test} can use. Correct the row.") from error


def decisions_file(settings: Settings) -> Path:
    """Where decisions about doubtful values are kept."""
    return settings.decisions_dir / "values.csv"


def read_decisions(settings: Settings) -> dict[tuple[str, str, str, str, str], ValueDecision]:
    """The decision in force about each value: the last one that was known on `known_on`.

    Raises:
        UserError: a row of the file cannot be used; the message names it.
    """
    path = decisions_file(settings)
    found: dict[tuple[str, str, str, str, str], ValueDecision] = {}
    for number, row in read_rows(path, _COLUMNS):
        verdict = next((v for v in VERDICTS if v == row["decision"]), None)
        if verdict is None or (verdict == "correct") != bool(row["corrected_value"]):
            raise UserError(
                f"{path} row {number}: decision {row['decision']!r} must be one of {', '.join(VERDICTS)}, and "
                "corrected_value be given with correct and with no other. Correct or delete the row."
            )
        decision = ValueDecision(
            source=row["source"],
            dataset=row["dataset"],
            column=row["column_name"],
            record_key=row["record_key"],
            value=row["value"],
            verdict=verdict,
            corrected_value=row["corrected_value"],
            decided_by=row["decided_by"],
            decided_on=read_day(path, number, "decided_on", row["decided_on"]),
            why=row["why"],
        )
        if settings.is_known(decision.decided_on):
            found[decision.subject] = decision
    return found


def append_decisions(settings: Settings, decisions: Sequence[ValueDecision]) -> None:
    """Add decisions at the end of the file.

    Raises:
        UserError: the file that is there cannot be read or written.
    """
    append_rows(
        decisions_file(settings),
        _COLUMNS,
        [
            {
                "doubt_id": "",
                "source": d.source,
                "dataset": d.dataset,
                "column_name": d.column,
                "record_key": d.record_key,
                "value": d.value,
                "decision": d.verdict,
                "corrected_value": d.corrected_value,
                "decided_by": d.decided_by,
                "decided_on": d.decided_on.isoformat(),
                "why": d.why,
            }
            for d in decisions
        ],
    )


def typed_value(contract: Contract, column: str, text: str, zone: str) -> str | None:
    """A corrected value as it would be loaded, in the spelling of the table of doubts; None where it cannot be read."""
    with duckdb.connect(":memory:") as con:
        con.execute(f"set timezone = {literal(zone)}")
        read = read_as(contract.columns[column], literal(text), zone)
        found = con.execute(f"select cast({read} as varchar)").fetchone()
    return found[0] if found else None


def changes(contract: Contract, decisions: Iterable[ValueDecision]) -> list[ValueDecision]:
    """The decisions that change values of a dataset: what was rejected and corrected, keys aside."""
    return [
        decision
        for decision in decisions
        if (decision.source, decision.dataset) == (contract.source, contract.dataset)
        and decision.verdict in ("reject", "correct")
        and decision.column in contract.columns
        and decision.column not in contract.key
    ]


def apply(con: duckdb.DuckDBPyConnection, contract: Contract, zone: str, decisions: Iterable[ValueDecision]) -> int:
    """Change the good rows of `conformed_rows` by `changes` of a dataset; give the number of rows changed."""
    by_column: dict[str, list[ValueDecision]] = defaultdict(list)
    for decision in decisions:
        by_column[decision.column].append(decision)
    return sum(_change(con, contract, name, made, zone) for name, made in by_column.items())


def _change(
    con: duckdb.DuckDBPyConnection, contract: Contract, name: str, made: Sequence[ValueDecision], zone: str
) -> int:
    """Put the decided values of one column in place; give the number of rows."""
    column, value = contract.columns[name], identifier(name)
    con.execute(
        "create or replace temp table value_decisions "
        f"(record_key varchar, value varchar, new {sql_type(column)}, rejected boolean)"
    )
    for d in made:
        new = read_as(column, literal(d.corrected_value), zone) if d.corrected_value else "null"
        con.execute(
            f"insert into value_decisions select $1, $2, {new}, $3", [d.record_key, d.value, d.verdict == "reject"]
        )
    con.execute(f"""
        create or replace temp table hits as
        select rows.rowid as row, any_value(decided.new) as new, bool_or(decided.rejected) as rejected
        from conformed_rows as rows
        join value_decisions as decided
            on decided.value = coalesce(cast(rows.{value} as varchar), rows.unknown[{literal(name)}])
            and (decided.record_key = '' or decided.record_key = rows.record_key)
        where rows.reasons is null
        group by rows.rowid""")
    # In one statement with the value: an update of a map moves the row to another number.
    content = ", ".join("hits.new" if n == name else identifier(n) for n in contract.columns if n not in contract.key)
    lost = "false"
    if name in contract.required:
        lost = "hits.rejected"
        delivered = ", ".join(
            f"{{'key': {literal(n)}, 'value': cast({identifier(n)} as varchar)}}" for n in contract.columns
        )
        con.execute(f"""
            update conformed_rows set
                reasons = [{literal(f"{REJECTED}:{name}")}],
                row_content = map_from_entries([x for x in [{delivered}] if x.value is not null])
            from hits where conformed_rows.rowid = hits.row and hits.rejected""")
    con.execute(f"""
        update conformed_rows set
            {value} = hits.new,
            content = hash({content}),
            unknown = map_from_entries([x for x in map_entries(unknown) if x.key <> {literal(name)}])
        from hits where conformed_rows.rowid = hits.row and not {lost}""")
    counted = con.execute("select count(*) from hits").fetchone()
    con.execute("drop table hits")
    con.execute("drop table value_decisions")
    return int(counted[0]) if counted else 0


def build(
    con: duckdb.DuckDBPyConnection,
    rules: Iterable[DoubtRule],
    decisions: Mapping[tuple[str, str, str, str, str], ValueDecision],
) -> int:
    """Create or replace `quality.doubtful_values`; give the number of its open doubts.

    `quality.doubtful_values(doubt_id, source, dataset, column_name, record_key, value, rule, rows, delivery_date, file,
    line_number, status, decided_on)`: one row per doubt, found now or decided about. `record_key` is '' where the value
    is meant wherever it stands; `rows` counts the rows that hold it now, and `delivery_date`, `file` and `line_number`
    are of one of them; `status` is `open`, `accepted`, `rejected` or `corrected`. `value` may be personal and is
    never published.
    """
    con.execute("""
        create or replace temp table doubts (
            rule varchar, source varchar, dataset varchar, column_name varchar, record_key varchar, value varchar,
            rows bigint, delivery_date date, file varchar, line_number bigint
        )""")
    for rule in rules:
        if rule.condition is None:
            if table_exists(con, "clean", "unknown_values"):
                con.execute(
                    """
                    insert into doubts
                    select $1, source, dataset, column_name, '', value, sum(rows), max(delivery_date),
                        arg_max(file, delivery_date), null
                    from clean.unknown_values where value is not null group by source, dataset, column_name, value""",
                    [rule.rule],
                )
            continue
        table = f"{rule.source}_{rule.dataset}"
        if not table_exists(con, "clean", table):
            continue
        con.execute(
            f"""
            insert into doubts
            select
                $1, $2, $3, $4, {"record_key" if rule.by_record else "''"} as subject,
                cast({identifier(rule.column)} as varchar) as value, count(*), max(_delivery_date),
                arg_max(_file, _delivery_date), arg_max(_line, _delivery_date)
            from clean.{identifier(table)}
            where {rule.condition}
            group by subject, value""",
            [rule.rule, rule.source, rule.dataset, rule.column],
        )
    con.execute("""
        create or replace temp table decided_doubts (
            source varchar, dataset varchar, column_name varchar, record_key varchar, value varchar, status varchar,
            decided_on date
        )""")
    status = {"accept": "accepted", "reject": "rejected", "correct": "corrected"}
    rows = [[*d.subject, status[d.verdict], d.decided_on] for d in decisions.values() if d.verdict in status]
    if rows:
        con.executemany("insert into decided_doubts values (?, ?, ?, ?, ?, ?, ?)", rows)
    con.execute("""
        create or replace table quality.doubtful_values as
        with merged as (
            select
                source, dataset, column_name, record_key, value,
                string_agg(distinct doubts.rule, ', ' order by doubts.rule) as rule,
                max(rows) as rows, max(delivery_date) as delivery_date, any_value(file) as file,
                any_value(line_number) as line_number
            from doubts
            group by source, dataset, column_name, record_key, value
        )
        select
            left(md5(concat_ws('|', source, dataset, column_name, record_key, value)), 12) as doubt_id,
            source, dataset, column_name, record_key, value, merged.rule,
            cast(coalesce(merged.rows, 0) as bigint) as rows, merged.delivery_date, merged.file, merged.line_number,
            coalesce(decided.status, 'open') as status, decided.decided_on
        from merged
        full join decided_doubts as decided using (source, dataset, column_name, record_key, value)
        order by source, dataset, column_name, record_key, value""")
    con.execute("drop table doubts")
    con.execute("drop table decided_doubts")
    counted = con.execute("select count(*) from quality.doubtful_values where status = 'open'").fetchone()
    return int(counted[0]) if counted else 0

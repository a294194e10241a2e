"""The policy tables that models read, checked before a run: every value must be of its column's type.

What belongs here: shape and types of `seeds/policy/*.csv` as `warehouse_policies.yml` declares them. What does not:
what the rules mean (the models), and the policies that Python reads (each checked where it is read).
"""

from pathlib import Path

import duckdb
import yaml

from orchestration.database import identifier, literal
from orchestration.errors import UserError

DECLARATION = "warehouse_policies.yml"
REFERENCES = "warehouse_references.yml"


def check_policy_files(policy_dir: Path, declaration: str = DECLARATION) -> list[str]:
    """Read every declared policy table and try each value as the type of its column.

    Args:
        policy_dir: The folder of the CSV files and of the declaration.
        declaration: `warehouse_policies.yml`, or `warehouse_references.yml` for the folder of reference tables.

    Returns:
        The names of the tables that were checked.

    Raises:
        UserError: a file is absent, lacks a declared column, has one that is not declared, or holds a value that
            is not of its type; the message names file, row (the header is row 1), column and value.
    """
    declared = yaml.safe_load((policy_dir / declaration).read_text(encoding="utf-8"))["seeds"]
    with duckdb.connect() as con:
        for seed in declared:
            _check(con, policy_dir / f"{seed['name']}.csv", seed["config"]["column_types"], declaration)
    return [seed["name"] for seed in declared]


def _check(con: duckdb.DuckDBPyConnection, path: Path, types: dict[str, str], declaration: str) -> None:
    if not path.is_file():
        raise UserError(f"The policy table {path} is missing: restore it from the repository.")
    try:
        con.execute(
            "create or replace temp table policy as select row_number() over () + 1 as _row, * from "
            f"read_csv({literal(str(path))}, header = true, all_varchar = true, delim = ',', quote = '\"')"
        )
        columns = [row[0] for row in con.execute("describe policy").fetchall()][1:]
    except duckdb.Error as error:
        raise UserError(f"The policy table {path} cannot be read as CSV: {str(error).splitlines()[0]}") from error
    missing, unknown = [c for c in types if c not in columns], [c for c in columns if c not in types]
    if missing or unknown:
        raise UserError(
            f"The policy table {path} has the columns {', '.join(columns)}; missing: {', '.join(missing) or 'none'}, "
            f"not known: {', '.join(unknown) or 'none'}. The columns are declared in {declaration}."
        )
    for column, type_name in types.items():
        name = identifier(column)
        fault = con.execute(
            f"select _row, {name} from policy where {name} is not null and try_cast({name} as {type_name}) is null "
            "order by _row limit 1"
        ).fetchone()
        if fault:
            raise UserError(
                f"The policy table {path}, row {fault[0]}, column {column}: {fault[1]!r} is not a {type_name}. "
                "Correct the value and run again."
            )

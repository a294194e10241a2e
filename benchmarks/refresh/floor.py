"""The floor: the least that any program must do with the same files, as one bare DuckDB script.

What belongs here: read, type, newest-wins, and the statement of `floor.sql`, which aggregates to the columns of
customer_360 with the true customer of each record taken as given. What does not: identity, policies, history, checks,
publication - what a refresh does beyond the floor.
"""

import gzip
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pandas as pd

from data_quality.contract import Column, Contract, load_contracts
from orchestration.database import identifier, literal
from orchestration.settings import Settings

_MOMENTS = "['%Y-%m-%d %H:%M:%S', '%Y-%m-%d %H:%M', '%Y/%m/%d %H:%M:%S', '%Y/%m/%d %H:%M', '%Y/%m/%d', '%Y年%m月%d日']"
_PLAIN = "regexp_replace(translate({0}, '０１２３４５６７８９．－', '0123456789.-'), '[¥￥,，\\s]', '', 'g')"
_TYPED = {
    "timestamp": "coalesce(case when regexp_matches({0}, '(Z|[+-]\\d\\d:?\\d\\d)$') "
    "then cast(try_cast({0} as timestamptz) as timestamp) else try_cast({0} as timestamp) end, "
    "try_strptime({0}, " + _MOMENTS + "), case "
    "when try_cast({0} as double) > 1e8 "
    "then epoch_ms(cast(try_cast({0} as double) * 1000 as bigint)) + interval 8 hour "
    "when try_cast({0} as double) > 0 "
    "then timestamp '1899-12-30' + to_seconds(round(try_cast({0} as double) * 86400)) end)",
    "decimal": f"try_cast({_PLAIN} as decimal(18, 4))",
    "integer": f"try_cast({_PLAIN} as bigint)",
}
_CUSTOMERS = Path(__file__).with_suffix(".sql")
FILE = Path("floor") / "floor.duckdb"


def main() -> None:
    """Run on a generated world: `floor.py <folder with landing and truth>`; says how many customers it made."""
    sys.stdout.write(json.dumps({"customers": run(Path(sys.argv[1]))}) + "\n")


def run(folder: Path) -> int:
    """Build `floor/floor.duckdb` of a world; returns its customers."""
    database = folder / FILE
    scratch = database.parent
    scratch.mkdir(exist_ok=True)
    database.unlink(missing_ok=True)
    config = {"temp_directory": str(scratch / "tmp"), "memory_limit": os.environ.get("C360_MEMORY_LIMIT", "6GB")}
    with duckdb.connect(str(database), config={**config}) as con:
        con.execute(
            "set timezone = 'Asia/Shanghai'; set preserve_insertion_order = false; set enable_progress_bar = false"
        )
        # A ticket that carries no member, account or number is nobody's, whoever bought it.
        records = literal(str(folder / "truth" / "records.parquet"))
        con.execute(f"create view truth as from {records} where loaded and identified")
        for contract, files in datasets(folder):
            parts = [_relation(con, contract, folder / "landing" / f["file"], f, scratch) for f in files]
            required = [*contract.key, *contract.required]
            con.execute(
                f"create table {contract.table} as select * from ({' union all '.join(parts)}) "
                f"where {' and '.join(f'{name} is not null' for name in required)} "
                f"qualify row_number() over (partition by {', '.join(contract.key)} order by _delivered desc) = 1"
            )
        con.execute(_CUSTOMERS.read_text(encoding="utf-8"))
        return int(con.execute("select count(*) from customer_360").fetchall()[0][0])


def datasets(folder: Path) -> Iterator[tuple[Contract, list[dict[str, str]]]]:
    """Each contract with the files of its dataset, as the generator's own list tells format and encoding."""
    files = json.loads((folder / "truth" / "files.json").read_text(encoding="utf-8"))
    for contract in load_contracts(Settings().contracts_dir).values():
        yield contract, [f for f in files if f["source"] == contract.source and f["dataset"] == contract.dataset]


def _relation(
    con: duckdb.DuckDBPyConnection, contract: Contract, path: Path, file: dict[str, str], scratch: Path
) -> str:
    """A select of one file: contract columns, typed, and the delivery date."""
    source = _scan(con, path, file, scratch)
    described = con.execute(f"describe select * from {source}").fetchall()
    headers = {contract.column_of_header(str(row[0])): str(row[0]) for row in described}
    columns = []
    for name, column in contract.columns.items():
        header = headers.get(name)
        text = f"nullif(trim(cast({identifier(header)} as varchar)), '')" if header else "cast(null as varchar)"
        columns.append(f"{_typed(column, text)} as {name}")
    return f"select {', '.join(columns)}, date '{file['delivery_date']}' as _delivered from {source}"


def _typed(column: Column, text: str) -> str:
    if column.spellings:
        meanings = " ".join(
            f"when {literal(written)} then {literal(name)}" for written, name in column.spellings.items()
        )
        return f"case lower({text}) {meanings} end"
    return _TYPED.get(column.type, "{0}").format(text)


def _scan(con: duckdb.DuckDBPyConnection, path: Path, file: dict[str, str], scratch: Path) -> str:
    """How DuckDB reads a file of this format; what it cannot read is rewritten first."""
    form, encoding = file["format"], file["encoding"]
    if form == "parquet":
        return f"read_parquet({literal(str(path))})"
    if form == "jsonl":
        # A format that nothing has: moments stay text, as DuckDB would drop their offset.
        never = "timestampformat = '%j|%Y', dateformat = '%j|%Y'"
        return f"read_json({literal(str(path))}, format = 'newline_delimited', {never})"
    if form == "xlsx":
        name = f"sheet_{abs(hash(str(path)))}"
        con.register(name, pd.read_excel(path, dtype=str, engine="calamine"))
        return name
    if encoding not in {"utf-8", "utf-8-sig"}:
        plain = scratch / f"{abs(hash(str(path)))}.csv"
        content = gzip.decompress(path.read_bytes()) if form == "csv.gz" else path.read_bytes()
        plain.write_text(content.decode(encoding), encoding="utf-8")
        path = plain
    separator = "\\t" if form == "tsv" else ","
    return (
        f"read_csv({literal(str(path))}, delim = '{separator}', quote = '\"', header = true, all_varchar = true, "
        "null_padding = true, ignore_errors = true)"
    )


if __name__ == "__main__":
    main()

"""The floor: the least that any program must do with the same files, as one bare DuckDB script, and the same in pandas.

What belongs here: read, type, newest-wins, the true customer of each record taken as given, and the figures of
customer_360 that sums and counts give. What does not: identity, policies, history, checks, publication - what a refresh
does beyond the floor.
"""

import gzip
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pandas as pd

from data_quality.contract import Contract, load_contracts
from orchestration.settings import Settings

_MOMENTS = "['%Y-%m-%d %H:%M:%S', '%Y-%m-%d %H:%M', '%Y/%m/%d %H:%M:%S', '%Y/%m/%d %H:%M', '%Y/%m/%d', '%Y年%m月%d日']"
_TYPED = {
    "timestamp": "coalesce(try_cast({0} as timestamp), try_strptime({0}, " + _MOMENTS + "), case "
    "when try_cast({0} as double) > 1e8 then epoch_ms(cast(try_cast({0} as double) * 1000 as bigint)) "
    "when try_cast({0} as double) > 0 "
    "then timestamp '1899-12-30' + to_days(cast(try_cast({0} as double) as integer)) end)",
    "decimal": "try_cast(regexp_replace(translate({0}, '０１２３４５６７８９．－', '0123456789.-'), "
    "'[¥￥,，\\s]', '', 'g') as decimal(18, 4))",
}
_CUSTOMERS = """
create table customer_360 as
with people as (
    select person_id as customer_id,
        count(*) filter (where source = 'pos.members') as members,
        count(*) filter (where source = 'ecommerce.customers') as accounts
    from truth group by 1
),
members as (select record_key, any_value(person_id) as person_id from truth where source = 'pos.members' group by 1),
accounts as (
    select record_key, any_value(person_id) as person_id from truth where source = 'ecommerce.customers' group by 1
),
sales as (
    select coalesce(m.person_id, t.person_id) as customer_id, ticket_id as purchase, sold_at as bought_at,
        'store' as channel, category, amount, quantity
    from pos_sales as s
    left join members as m on m.record_key = s.member_id
    left join truth as t on t.source = 'pos.sales' and t.record_key = s.ticket_id
    union all
    select coalesce(a.person_id, t.person_id), order_id, ordered_at, 'online', category,
        case when status in ('cancelled', 'refunded') then 0 else amount end, quantity
    from ecommerce_orders as o
    left join accounts as a on a.record_key = o.account_id
    left join truth as t on t.source = 'ecommerce.orders' and t.record_key = o.order_id
),
bought as (
    select customer_id, min(bought_at) as first_purchase_at, max(bought_at) as last_purchase_at,
        count(distinct purchase) as orders,
        sum(amount) as net_revenue, sum(amount) filter (where amount > 0) as gross_revenue,
        max(bought_at) filter (where channel = 'store') as store_last_seen_at,
        max(bought_at) filter (where channel = 'online') as online_last_seen_at
    from sales group by 1
),
categories as (
    select customer_id, arg_max(category, spent) as favourite_category
    from (select customer_id, category, sum(amount) as spent from sales group by 1, 2) group by 1
),
cases as (
    select t.person_id as customer_id, count(*) as cases, count(*) filter (where c.case_type in ('投诉', 'complaint'))
        as complaints, count(*) filter (where c.resolved_at is null) as open_cases
    from call_center_cases as c inner join truth as t on t.source = 'call_center.cases' and t.record_key = c.case_id
    group by 1
),
surveys as (
    select t.person_id as customer_id, arg_max(try_cast(nps as integer), responded_at) as last_nps,
        avg(try_cast(nps as integer)) as average_nps
    from call_center_surveys as s
    inner join truth as t on t.source = 'call_center.surveys' and t.record_key = s.survey_id group by 1
),
events as (
    select a.person_id as customer_id, count(*) as events, max(e.occurred_at) as last_event_at
    from ecommerce_events as e inner join accounts as a on a.record_key = e.account_id group by 1
),
contacts as (
    select t.person_id as customer_id, count(*) as contacts, max(o.sent_at) as last_contact_at
    from call_center_outreach as o
    inner join truth as t on t.source = 'call_center.outreach' and t.record_key = o.contact_id group by 1
)
select * from people left join bought using (customer_id) left join categories using (customer_id)
left join cases using (customer_id) left join surveys using (customer_id) left join events using (customer_id)
left join contacts using (customer_id)
"""


def main() -> None:
    """Run one of the two on a generated world: `floor.py duckdb|pandas <folder with landing and truth>`."""
    which, folder = sys.argv[1], Path(sys.argv[2])
    rows = with_duckdb(folder) if which == "duckdb" else with_pandas(folder)
    sys.stdout.write(json.dumps({"customers": rows}) + "\n")


def with_duckdb(folder: Path) -> int:
    """The floor; returns the customers it made."""
    scratch = folder / "floor"
    scratch.mkdir(exist_ok=True)
    database = scratch / "floor.duckdb"
    database.unlink(missing_ok=True)
    with duckdb.connect(str(database), config={"temp_directory": str(scratch / "tmp"), "threads": 2}) as con:
        con.execute("set preserve_insertion_order = false; set enable_progress_bar = false")
        con.execute(f"create view truth as from '{folder / 'truth' / 'records.parquet'}'")
        for contract, files in _datasets(folder):
            parts = [_relation(con, contract, folder / "landing" / f["file"], f, scratch) for f in files]
            keys = ", ".join(contract.key)
            con.execute(
                f"create table {contract.table} as select * exclude (_delivered) from ({' union all '.join(parts)}) "
                f"qualify row_number() over (partition by {keys} order by _delivered desc) = 1"
            )
        con.execute(_CUSTOMERS)
        return int(con.execute("select count(*) from customer_360").fetchall()[0][0])


def with_pandas(folder: Path) -> int:
    """The same job as an analyst writes it in pandas; returns the customers it made."""
    truth = pd.read_parquet(folder / "truth" / "records.parquet")
    frames = {}
    for contract, files in _datasets(folder):
        parts = []
        for f in files:
            frame = _frame(folder / "landing" / f["file"], f)
            frame = frame.rename(columns={name: contract.column_of_header(name) or name for name in frame.columns})
            frame = frame.reindex(columns=list(contract.columns))
            parts.append(frame.assign(_delivered=f["delivery_date"]))
        table = pd.concat(parts, ignore_index=True).sort_values("_delivered")
        table = table.drop_duplicates(contract.key, keep="last")
        for name, column in contract.columns.items():
            if column.type == "timestamp":
                table[name] = pd.to_datetime(table[name].astype("string"), format="mixed", errors="coerce", utc=True)
            elif column.type == "decimal":
                plain = table[name].astype("string").str.replace(r"[¥￥,\s]", "", regex=True)
                table[name] = pd.to_numeric(plain, errors="coerce")
        frames[contract.table] = table
    of = {source: part.drop_duplicates("record_key").set_index("record_key")["person_id"]
          for source, part in truth.groupby("source")}  # fmt: skip
    sales, orders = frames["pos_sales"], frames["ecommerce_orders"]
    sales = sales.assign(
        customer_id=sales["member_id"].map(of["pos.members"]).fillna(sales["ticket_id"].map(of["pos.sales"])),
        purchase=sales["ticket_id"], at=sales["sold_at"], channel="store",
    )  # fmt: skip
    orders = orders.assign(
        customer_id=orders["account_id"].map(of["ecommerce.customers"]).fillna(
            orders["order_id"].map(of["ecommerce.orders"])
        ),
        purchase=orders["order_id"], at=orders["ordered_at"], channel="online",
        amount=orders["amount"].where(~orders["status"].isin(["cancelled", "refunded"]), 0),
    )  # fmt: skip
    columns = ["customer_id", "purchase", "at", "channel", "category", "amount"]
    lines = pd.concat([sales[columns], orders[columns]], ignore_index=True)
    result = lines.groupby("customer_id").agg(
        first_purchase_at=("at", "min"), last_purchase_at=("at", "max"), orders=("purchase", "nunique"),
        net_revenue=("amount", "sum"),
    )  # fmt: skip
    spent = lines.groupby(["customer_id", "category"])["amount"].sum().reset_index().sort_values("amount")
    result["favourite_category"] = spent.drop_duplicates("customer_id", keep="last").set_index("customer_id")[
        "category"
    ]
    for name, key, at in (
        ("call_center_cases", "case_id", "opened_at"),
        ("call_center_surveys", "survey_id", "responded_at"),
        ("call_center_outreach", "contact_id", "sent_at"),
    ):
        table = frames[name]
        grouped = table.assign(customer_id=table[key].map(of[name.replace("call_center_", "call_center.")]))
        result = result.join(
            grouped.groupby("customer_id")[at].agg(["count", "max"]).add_prefix(f"{name}_"), how="outer"
        )
    events = frames["ecommerce_events"]
    events = events.assign(customer_id=events["account_id"].map(of["ecommerce.customers"]))
    result = result.join(events.groupby("customer_id")["occurred_at"].agg(["count", "max"]), how="outer")
    people = truth.groupby(["person_id", "source"]).size().unstack(fill_value=0)
    return len(people.join(result))


def _datasets(folder: Path) -> Iterator[tuple[Contract, list[dict[str, str]]]]:
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
        text = f"""cast("{header}" as varchar)""" if header else "cast(null as varchar)"
        columns.append(f"{_TYPED.get(column.type, '{0}').format(text)} as {name}")
    return f"select {', '.join(columns)}, date '{file['delivery_date']}' as _delivered from {source}"


def _scan(con: duckdb.DuckDBPyConnection, path: Path, file: dict[str, str], scratch: Path) -> str:
    """How DuckDB reads a file of this format; what it cannot read is rewritten first."""
    form, encoding = file["format"], file["encoding"]
    if form == "parquet":
        return f"read_parquet('{path}')"
    if form == "jsonl":
        return f"read_json('{path}', format = 'newline_delimited')"
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
        f"read_csv('{path}', delim = '{separator}', quote = '\"', header = true, all_varchar = true, "
        "null_padding = true, ignore_errors = true)"
    )


def _frame(path: Path, file: dict[str, str]) -> pd.DataFrame:
    form = file["format"]
    if form == "parquet":
        return pd.read_parquet(path)
    if form == "jsonl":
        return pd.read_json(path, lines=True, dtype=False)
    if form == "xlsx":
        return pd.read_excel(path, dtype=str, engine="calamine")
    return pd.read_csv(
        path, sep="\t" if form == "tsv" else ",", dtype=str, encoding=file["encoding"], on_bad_lines="skip"
    )


if __name__ == "__main__":
    main()

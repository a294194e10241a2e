"""The job of the floor as an analyst writes it in pandas: the same files, the same columns of customer_360.

What belongs here: idiomatic pandas - read, rename, concat, `drop_duplicates`, `groupby`, `merge`. What does not: tricks
to make it fast, and what the floor leaves out too.
"""

import json
import sys
from pathlib import Path

import pandas as pd

from benchmarks.refresh.floor import datasets
from data_quality.contract import Column

FILE = Path("floor") / "pandas.parquet"
_ZONE = "Asia/Shanghai"
_WIDTHS = str.maketrans("０１２３４５６７８９．－", "0123456789.-")


def main() -> None:
    """Run on a generated world: `in_pandas.py <folder with landing and truth>`; says how many customers it made."""
    folder = Path(sys.argv[1])
    customers = run(folder)
    (folder / FILE).parent.mkdir(exist_ok=True)
    customers.to_parquet(folder / FILE, index=False)
    sys.stdout.write(json.dumps({"customers": len(customers)}) + "\n")


def run(folder: Path) -> pd.DataFrame:
    """One row per person, with the columns of the floor."""
    truth = pd.read_parquet(folder / "truth" / "records.parquet").query("loaded and identified")
    persons = {
        source: part.drop_duplicates("record_key").set_index("record_key")["person_id"]
        for source, part in truth.groupby("source")
    }
    tables = _tables(folder)
    as_of = max(tables[name]["_delivered"].max() for name in ("pos_sales", "ecommerce_orders"))
    year_ago = as_of - pd.Timedelta(days=365)
    lines = _lines(tables, persons)
    orders = lines.groupby(["customer_id", "source", "order_id"], as_index=False).agg(
        channel=("channel", "min"),
        purchased_on=("purchased_at", "min"),
        used_coupon=("coupon_code", "count"),
        gross=("gross", "sum"),
        returned=("returned", "sum"),
        net=("net", "sum"),
    )
    orders["purchased_on"] = orders["purchased_on"].dt.normalize()
    purchases = orders[orders["net"] > 0]
    recent = orders[orders["purchased_on"] >= year_ago]
    recent_purchases = recent[recent["net"] > 0]
    customers = _people(truth, tables)
    bought, all_orders = purchases.groupby("customer_id"), orders.groupby("customer_id")
    parts = {
        "first_purchase_on": bought["purchased_on"].min(),
        "last_purchase_on": bought["purchased_on"].max(),
        "orders": bought.size(),
        "average_order_value": bought["net"].mean(),
        "gross_revenue": all_orders["gross"].sum(),
        "net_revenue": all_orders["net"].sum(),
        "orders_12m": recent_purchases.groupby("customer_id").size(),
        "net_revenue_12m": recent.groupby("customer_id")["net"].sum(),
        "coupon_share": (purchases["used_coupon"] > 0).groupby(purchases["customer_id"]).mean(),
        "purchase_cycle_days": _cycles(purchases),
    }
    sums = recent.groupby("customer_id")[["returned", "gross"]].sum()
    parts["return_share"] = sums["returned"] / sums["gross"].where(sums["gross"] != 0)
    for channel in ("store", "web", "app", "mini_program"):
        parts[f"{channel}_share"] = (purchases["channel"] == channel).groupby(purchases["customer_id"]).mean()
    customers = customers.join(pd.DataFrame(parts)).join(_favourites(lines)).join(_preferred_channel(purchases))
    cases, outreach = _service(tables, persons)
    customers = customers.join(_case_counts(cases)).join(_answers(tables, persons)).join(_contacts(outreach))
    customers = customers.join(_seen(purchases, cases, outreach, tables, persons))
    counts = ["orders", "gross_revenue", "net_revenue", "orders_12m", "net_revenue_12m", "cases", "complaints"]
    counts += ["open_cases", "open_complaints", "contacts_received", "contacts_answered"]
    customers[counts] = customers[counts].fillna(0)
    return _derived(customers.reset_index(names="customer_id"), as_of)


def _tables(folder: Path) -> dict[str, pd.DataFrame]:
    """Every dataset: read, headers mapped, newest delivery kept, typed."""
    tables = {}
    for contract, files in datasets(folder):
        parts = []
        for file in files:
            part = _read(folder / "landing" / file["file"], file)
            part = part.rename(columns={name: contract.column_of_header(name) or name for name in part.columns})
            parts.append(part.reindex(columns=list(contract.columns)).assign(_delivered=file["delivery_date"]))
        table = pd.concat(parts, ignore_index=True)
        table["_delivered"] = pd.to_datetime(table["_delivered"])
        for name, column in contract.columns.items():
            table[name] = _typed(table[name], column)
        table = table.dropna(subset=[*contract.key, *contract.required]).sort_values("_delivered", kind="stable")
        tables[contract.table] = table.drop_duplicates(contract.key, keep="last")
    return tables


def _read(path: Path, file: dict[str, str]) -> pd.DataFrame:
    form = file["format"]
    if form == "parquet":
        return pd.read_parquet(path)
    if form == "jsonl":
        return pd.read_json(path, lines=True, dtype=False, convert_dates=False)
    if form == "xlsx":
        return pd.read_excel(path, dtype=str, engine="calamine")
    separator = "\t" if form == "tsv" else ","
    return pd.read_csv(path, sep=separator, dtype=str, encoding=file["encoding"], on_bad_lines="skip")


def _typed(values: "pd.Series[str]", column: Column) -> "pd.Series[str]":
    text = values.astype("string").str.strip()
    text = text.mask(text == "")
    if column.spellings:
        return text.str.lower().map(column.spellings)
    if column.type == "timestamp":
        # The exports write the offset of their own zone, so the clock on the wall is what stands before it.
        plain = text.str.replace(r"[+-]\d\d:\d\d$", "", regex=True).str.replace(r"[年月]", "-", regex=True)
        moments = pd.to_datetime(plain.str.replace("日", ""), format="mixed", errors="coerce")
        numbers = pd.to_numeric(text.where(moments.isna()), errors="coerce")
        serials = pd.to_datetime(numbers.where(numbers < 1e8), unit="D", origin="1899-12-30", errors="coerce")
        epochs = pd.to_datetime(numbers.where(numbers > 1e8), unit="s", utc=True, errors="coerce")
        return moments.fillna(serials).fillna(epochs.dt.tz_convert(_ZONE).dt.tz_localize(None).astype(moments.dtype))
    if column.type in {"decimal", "integer"}:
        return pd.to_numeric(text.str.translate(_WIDTHS).str.replace(r"[¥￥,，\s]", "", regex=True), errors="coerce")
    return text


def _lines(tables: dict[str, pd.DataFrame], persons: "dict[str, pd.Series[str]]") -> pd.DataFrame:
    sales, orders = tables["pos_sales"], tables["ecommerce_orders"]
    store = pd.DataFrame(
        {
            "customer_id": _person(sales, "member_id", "pos.members", "ticket_id", "pos.sales", persons),
            "source": "pos",
            "order_id": sales["ticket_id"],
            "channel": "store",
            "purchased_at": sales["sold_at"],
            "category": sales["category"],
            "status": "completed",
            "coupon_code": None,
            "amount": sales["amount"],
        }
    )
    online = pd.DataFrame(
        {
            "customer_id": _person(
                orders, "account_id", "ecommerce.customers", "order_id", "ecommerce.orders", persons
            ),
            "source": "ecommerce",
            "order_id": orders["order_id"],
            "channel": orders["channel"].fillna("online"),
            "purchased_at": orders["ordered_at"],
            "category": orders["category"],
            "status": orders["status"],
            "coupon_code": orders["coupon_code"],
            "amount": orders["amount"],
        }
    )
    lines = pd.concat([store, online], ignore_index=True).dropna(subset=["customer_id"])
    cancelled, amount = lines["status"] == "cancelled", lines["amount"]
    lines["gross"] = amount.where(~cancelled & (amount >= 0), 0)
    lines["returned"] = (-amount).where(amount < 0, amount.where(lines["status"] == "refunded", 0)).where(~cancelled, 0)
    lines["net"] = lines["gross"] - lines["returned"]
    return lines


def _person(
    table: pd.DataFrame, account: str, accounts: str, key: str, mentions: str, persons: "dict[str, pd.Series[str]]"
) -> "pd.Series[str]":
    return table[account].map(persons[accounts]).fillna(table[key].map(persons[mentions]))


def _people(truth: pd.DataFrame, tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    registered = pd.concat(
        [
            tables["pos_members"].assign(source="pos.members", record_key=tables["pos_members"]["member_id"]),
            tables["ecommerce_customers"].assign(
                source="ecommerce.customers", record_key=tables["ecommerce_customers"]["account_id"]
            ),
        ]
    )[["source", "record_key", "registered_at", "gender"]]
    known = truth.merge(registered, on=["source", "record_key"], how="left")
    return known.groupby("person_id").agg(
        member_count=("source", lambda sources: (sources == "pos.members").sum()),
        account_count=("source", lambda sources: (sources == "ecommerce.customers").sum()),
        registered_on=("registered_at", "min"),
        gender=("gender", "first"),
    )


def _cycles(purchases: pd.DataFrame) -> "pd.Series[float]":
    days = purchases[["customer_id", "purchased_on"]].drop_duplicates().sort_values(["customer_id", "purchased_on"])
    gaps = days.groupby("customer_id")["purchased_on"].diff().dt.days
    return gaps.groupby(days["customer_id"]).median()


def _favourites(lines: pd.DataFrame) -> pd.DataFrame:
    spent = lines.groupby(["customer_id", "category"], as_index=False)["net"].sum().query("net > 0")
    best = spent.sort_values(["net", "category"], ascending=[False, True]).drop_duplicates("customer_id")
    best = best.set_index("customer_id")
    share = best["net"] / spent.groupby("customer_id")["net"].sum()
    return pd.DataFrame({"favourite_category": best["category"], "favourite_category_share": share})


def _preferred_channel(purchases: pd.DataFrame) -> "pd.Series[str]":
    counts = purchases.groupby(["customer_id", "channel"], as_index=False).agg(
        n=("order_id", "size"), last_on=("purchased_on", "max")
    )
    best = counts.sort_values(["n", "last_on", "channel"], ascending=[False, False, True])
    return best.drop_duplicates("customer_id").set_index("customer_id")["channel"].rename("preferred_channel")


def _service(
    tables: dict[str, pd.DataFrame], persons: "dict[str, pd.Series[str]]"
) -> tuple[pd.DataFrame, pd.DataFrame]:
    cases, outreach = tables["call_center_cases"], tables["call_center_outreach"]
    solved = (cases["is_resolved"] == "true").where(cases["is_resolved"].notna(), cases["resolved_at"].notna())
    cases = cases.assign(customer_id=cases["case_id"].map(persons["call_center.cases"]), is_open=~solved)
    outreach = outreach.assign(customer_id=outreach["contact_id"].map(persons["call_center.outreach"]))
    return cases.dropna(subset=["customer_id"]), outreach.dropna(subset=["customer_id"])


def _case_counts(cases: pd.DataFrame) -> pd.DataFrame:
    complaint = cases["case_type"] == "complaint"
    marked = cases.assign(complaint=complaint, open_complaint=complaint & cases["is_open"])
    return marked.groupby("customer_id").agg(
        cases=("case_id", "size"),
        complaints=("complaint", "sum"),
        open_cases=("is_open", "sum"),
        open_complaints=("open_complaint", "sum"),
    )


def _answers(tables: dict[str, pd.DataFrame], persons: "dict[str, pd.Series[str]]") -> pd.DataFrame:
    surveys = tables["call_center_surveys"]
    surveys = surveys.assign(customer_id=surveys["survey_id"].map(persons["call_center.surveys"]))
    answers = surveys.sort_values("responded_at").groupby("customer_id")
    return pd.DataFrame(
        {
            "nps_last": answers["nps"].last(),
            "nps_average": answers["nps"].mean(),
            "csat_last": answers["csat"].last(),
            "csat_average": answers["csat"].mean(),
        }
    )


def _contacts(outreach: pd.DataFrame) -> pd.DataFrame:
    received = outreach[outreach["arm"].fillna("treatment") != "control"].groupby("customer_id")["responded_at"]
    return pd.DataFrame({"contacts_received": received.size(), "contacts_answered": received.count()})


def _seen(
    purchases: pd.DataFrame,
    cases: pd.DataFrame,
    outreach: pd.DataFrame,
    tables: dict[str, pd.DataFrame],
    persons: "dict[str, pd.Series[str]]",
) -> pd.DataFrame:
    events = tables["ecommerce_events"]
    parts = {
        "store": purchases[purchases["source"] == "pos"][["customer_id", "purchased_on"]],
        "online": purchases[purchases["source"] != "pos"][["customer_id", "purchased_on"]],
        "events": events.assign(customer_id=events["account_id"].map(persons["ecommerce.customers"]))[
            ["customer_id", "occurred_at"]
        ],
        "cases": cases[["customer_id", "opened_at"]],
        "answers": outreach[["customer_id", "responded_at"]],
    }
    touchpoint = {"events": "online", "cases": "service", "answers": "service"}
    touches = pd.concat(
        part.set_axis(["customer_id", "touched_on"], axis=1).assign(touchpoint=touchpoint.get(name, name))
        for name, part in parts.items()
    ).dropna()
    touches["touched_on"] = touches["touched_on"].dt.normalize()
    by_person = touches.groupby("customer_id")["touched_on"]
    seen = pd.DataFrame({"first_touched_on": by_person.min(), "last_interaction_on": by_person.max()})
    for name in ("store", "online", "service"):
        days = touches[touches["touchpoint"] == name].groupby("customer_id")["touched_on"]
        seen[f"{name}_first_seen_on"], seen[f"{name}_last_seen_on"] = days.min(), days.max()
    return seen


def _derived(customers: pd.DataFrame, as_of: pd.Timestamp) -> pd.DataFrame:
    customers["registered_on"] = customers["registered_on"].dt.normalize()
    customers["first_seen_on"] = customers[["registered_on", "first_touched_on"]].min(axis=1)
    last = customers["last_interaction_on"].fillna(customers["registered_on"])
    customers["days_since_interaction"] = (as_of - last).dt.days
    customers["days_since_first_purchase"] = (as_of - customers["first_purchase_on"]).dt.days
    customers["recency_days"] = (as_of - customers["last_purchase_on"]).dt.days
    customers["is_member"] = customers["member_count"] > 0
    customers["has_account"] = customers["account_count"] > 0
    customers["has_cases"] = customers["cases"] > 0
    bounds = [-float("inf"), 10_000, 50_000, float("inf")]
    spend = customers["net_revenue_12m"].astype(float)
    tier = pd.cut(spend, bounds, right=False, labels=["silver", "gold", "diamond"]).astype(str)
    customers["spend_tier"] = tier.where(customers["recency_days"] <= 365, "dormant")
    customers["as_of"] = as_of
    return customers.drop(columns="first_touched_on")


if __name__ == "__main__":
    main()

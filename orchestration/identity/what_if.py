"""What another policy or model would change, worked out aside: the warehouse and its ids stay as they are.

What belongs here: resolving the same clean records by other rules in a scratch database, and the difference in
pairs, customers, ids and revenue. What does not: changing anything.
"""

import shutil
import tempfile
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import duckdb

from orchestration.as_of import business_day
from orchestration.database import connect, identifier, literal, table_exists
from orchestration.errors import UserError
from orchestration.identity.resolve import make_customer_ids, make_links, make_records
from orchestration.identity.scoring import model_file, read_model
from orchestration.progress import Progress, silent
from orchestration.settings import Settings


@dataclass(frozen=True)
class Difference:
    """The present and the changed resolution side by side; pairs are pairs of person records of one customer.

    `*_gained` and `*_lost` are what only the changed and only the present one has. `clusters` are customers of two and
    more person records. `customers_merged` are changed
    customers with records of several present ones, `customers_split` present ones whose records go to several.
    `revenue_moved` is the net revenue (CNY, after refunds, cancellations and returns) of records whose customer id
    changes; `held` says that the gate would hold the run.
    """

    pairs: tuple[int, int]
    pairs_gained: int
    pairs_lost: int
    clusters: tuple[int, int]
    customers: tuple[int, int]
    customers_unchanged: int
    customers_merged: int
    customers_split: int
    ids_gone: int
    ids_new: int
    unlinked: tuple[int, int]
    review_pairs: tuple[int, int]
    largest_customer: tuple[int, int]
    revenue: Decimal
    revenue_moved: Decimal
    held: bool

    def rows(self) -> list[tuple[str, str, str, str]]:
        """Measure, present, changed and difference as text for a table."""

        def both(name: str, values: tuple[int, int], difference: str = "") -> tuple[str, str, str, str]:
            return name, f"{values[0]:,}", f"{values[1]:,}", difference or f"{values[1] - values[0]:+,}"

        share = self.revenue_moved / self.revenue if self.revenue else Decimal(0)
        return [
            both("linked pairs", self.pairs, f"{self.pairs_gained:,} gained, {self.pairs_lost:,} lost"),
            both("clusters of two and more records", self.clusters),
            both("customers", self.customers),
            ("customers with the same records", "", f"{self.customers_unchanged:,}", ""),
            ("customers merged", "", f"{self.customers_merged:,}", "each from several present ones"),
            ("customers split", f"{self.customers_split:,}", "", "each into several"),
            ("customer ids", "", "", f"{self.ids_gone:,} gone, {self.ids_new:,} new"),
            both("records of the largest customer", self.largest_customer),
            both("records without a customer", self.unlinked),
            both("pairs to review", self.review_pairs),
            ("net revenue moved", "", f"{self.revenue_moved:,.2f}", f"{share:.2%} of {self.revenue:,.2f}"),
            ("would the gate hold the run", "", "yes" if self.held else "no", ""),
        ]


class _ChangedSettings(Settings):
    """Settings of the scratch run, which may read its policy elsewhere."""

    policy_folder: Path

    @property
    def policy_dir(self) -> Path:
        """The changed policy."""
        return self.policy_folder


def compare_with_present(
    settings: Settings,
    policy: Path | None = None,
    model: Path | None = None,
    progress: Progress = silent,
) -> Difference:
    """Resolve the present clean records by another policy or model and compare with the present customers.

    Everything is resolved anew, so it costs what identity costs in a first run.

    Args:
        settings: Names the warehouse, which is only read.
        policy: Folder with changed policy files; files that it lacks are the present ones.
        model: Another trained model.
        progress: Hears of each step before it begins.

    Raises:
        UserError: neither is given or readable, a file has no counterpart, or nothing was resolved yet.
    """
    if policy is None and model is None:
        raise UserError("Nothing to compare: name a folder (--policy) or a model file (--model).")
    if model is not None:
        read_model(model)
    with connect(settings, read_only=True) as connection:
        if not table_exists(connection, "identity", "customer_xref"):
            raise UserError("Nothing was resolved yet: run `c360 refresh` first.")
    with tempfile.TemporaryDirectory(prefix="c360-what-if-", dir=settings.temp_dir) as folder:
        scratch = Path(folder)
        changed = _ChangedSettings(
            landing=settings.landing,
            warehouse=scratch / "warehouse",
            timezone=settings.timezone,
            as_of=business_day(settings),
            threads=settings.threads,
            memory_limit=settings.memory_limit,
            policy_folder=_overlaid(settings.policy_dir, policy, scratch / "policy"),
        )
        _copy_ledger(settings.warehouse, changed.warehouse, model)
        with connect(changed) as connection:
            connection.execute(f"attach {literal(str(settings.database))} as present (read_only)")
            _share_clean(connection)
            progress("gathering the records", 0.0)
            make_records(connection, changed)
            progress("comparing and linking them by the changed rules", 0.15)
            make_links(connection, changed)
            progress("giving ids", 0.8)
            report = make_customer_ids(connection, changed)
            progress("comparing with the present customers", 0.9)
            return _difference(connection, held=bool(report["held"]))


def _overlaid(present: Path, changed: Path | None, target: Path) -> Path:
    """Copy the present policy and lay the changed files over it."""
    shutil.copytree(present, target)
    if changed is None:
        return target
    files = sorted(changed.glob("*.csv")) if changed.is_dir() else []
    if not files:
        raise UserError(f"{changed} is no folder with policy files (CSV): copy one from {present} and change it there.")
    for file in files:
        if not (present / file.name).exists():
            raise UserError(f"{file.name} in {changed} is no policy file: {present} has none of that name.")
        shutil.copy(file, target / file.name)
    return target


def _copy_ledger(warehouse: Path, scratch: Path, model: Path | None) -> None:
    """Start the scratch run from the ids and decisions of today."""
    present, target = warehouse / "identity", scratch / "identity"
    target.mkdir(parents=True)
    for file in [*present.glob("*.parquet"), *present.glob("*.csv"), *present.glob("*.json")]:
        shutil.copy(file, target / file.name)
    if model is not None:
        shutil.copy(model, model_file(scratch))


def _share_clean(connection: duckdb.DuckDBPyConnection) -> None:
    """Let the scratch database see the present clean tables."""
    tables = connection.execute(
        "select table_name from information_schema.tables where table_catalog = 'present' and table_schema = 'clean'"
    ).fetchall()
    for (table,) in tables:
        name = identifier(table)
        connection.execute(f"create view clean.{name} as select * from present.clean.{name}")


_COMPARED = """
create or replace temp table compared as
with both_sides as (
    select coalesce(p.source, n.source) as source, coalesce(p.record_key, n.record_key) as record_key,
        p.customer_id as was, n.customer_id as becomes
    from present.identity.customer_xref as p
    full join identity.customer_xref as n on n.source = p.source and n.record_key = p.record_key
),
revenue as (
    select 'pos.members' as source, member_id as record_key, amount from clean.pos_sales where member_id is not null
    union all
    select 'pos.sales', ticket_id, amount from clean.pos_sales where member_id is null
    union all
    select 'ecommerce.customers', account_id, amount from clean.ecommerce_orders
    where account_id is not null and status <> 'cancelled' and not (status = 'refunded' and amount >= 0)
    union all
    select 'ecommerce.orders', order_id, amount from clean.ecommerce_orders
    where account_id is null and status <> 'cancelled' and not (status = 'refunded' and amount >= 0)
),
summed as (select source, record_key, sum(amount) as amount from revenue group by all)
select b.*, r.record_id is not null as is_person, coalesce(s.amount, 0) as amount
from both_sides as b
left join identity.records as r on r.source = b.source and r.record_key = b.record_key
left join summed as s on s.source = b.source and s.record_key = b.record_key
"""

_FIGURES = """
with cells as (
    select was, becomes, count(*) as n from compared
    where is_person and was is not null and becomes is not null group by all
),
old as (select was, count(*) as n from compared where is_person and was is not null group by was),
new as (select becomes, count(*) as n from compared where is_person and becomes is not null group by becomes),
pairs as (
    select
        (select coalesce(sum(n * (n - 1) // 2), 0) from old) as present,
        (select coalesce(sum(n * (n - 1) // 2), 0) from new) as changed,
        (select coalesce(sum(n * (n - 1) // 2), 0) from cells) as common
),
members_old as (select was, count(*) as n from compared where was is not null group by was),
members_new as (select becomes, count(*) as n from compared where becomes is not null group by becomes)
select
    p.present::bigint, p.changed::bigint, (p.changed - p.common)::bigint, (p.present - p.common)::bigint,
    (select count(*) from members_old), (select count(*) from members_new),
    (
        select count(*) from (
            select was, becomes, count(*) as n from compared where was is not null and becomes is not null group by all
        ) as c
        inner join members_old as o on o.was = c.was and o.n = c.n
        inner join members_new as w on w.becomes = c.becomes and w.n = c.n
    ),
    (select count(*) from (
        select becomes from compared where was is not null and becomes is not null
        group by becomes having count(distinct was) > 1
    )),
    (select count(*) from (
        select was from compared where was is not null and becomes is not null
        group by was having count(distinct becomes) > 1
    )),
    (select count(*) from members_old where was not in (select becomes from members_new)),
    (select count(*) from members_new where becomes not in (select was from members_old)),
    (select count(*) from compared where was is null), (select count(*) from compared where becomes is null),
    (select count(*) from present.identity.review_queue), (select count(*) from identity.review_queue),
    (select coalesce(max(n), 0) from old), (select coalesce(max(n), 0) from new),
    (select count(*) from old where n > 1), (select count(*) from new where n > 1),
    (select coalesce(sum(amount), 0) from compared),
    (select coalesce(sum(amount), 0) from compared where was is distinct from becomes)
from pairs as p
"""


def _difference(connection: duckdb.DuckDBPyConnection, *, held: bool) -> Difference:
    connection.execute(_COMPARED)
    row = connection.execute(_FIGURES).fetchone()
    if row is None:
        raise RuntimeError("A comparison of counts gave no row.")
    return Difference(
        pairs=(row[0], row[1]),
        pairs_gained=row[2],
        pairs_lost=row[3],
        customers=(row[4], row[5]),
        customers_unchanged=row[6],
        customers_merged=row[7],
        customers_split=row[8],
        ids_gone=row[9],
        ids_new=row[10],
        unlinked=(row[11], row[12]),
        review_pairs=(row[13], row[14]),
        largest_customer=(row[15], row[16]),
        clusters=(row[17], row[18]),
        revenue=Decimal(row[19]),
        revenue_moved=Decimal(row[20]),
        held=held,
    )

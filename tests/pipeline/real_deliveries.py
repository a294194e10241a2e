"""Real data laid out as the sources would deliver it, in the shapes of the extracts.

Each function writes one landing zone from the files of `../shared/data` (licences in its README).
"""

from pathlib import Path

import duckdb

REAL_DATA = Path(__file__).parents[3] / "shared" / "data"


def _write(con: duckdb.DuckDBPyConnection, query: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    form = "format parquet" if target.suffix == ".parquet" else "format csv, header"
    con.sql(query).create_view("delivery", replace=True)
    con.execute(f"copy delivery to '{target}' ({form})")


def online_retail(landing: Path) -> None:
    """541,909 invoice lines as orders; a cancellation (`C…`) is a refunded line. No customers are delivered."""
    source = REAL_DATA / "sales" / "online_retail_2010_2011.parquet"
    with duckdb.connect() as con:
        _write(
            con,
            f"""
            select
                InvoiceNo as order_id,
                row_number() over (partition by InvoiceNo order by file_row_number) as line_no,
                InvoiceDate as ordered_at,
                CustomerID as account_id,
                StockCode as sku,
                Description as product_name,
                Quantity as quantity,
                UnitPrice as unit_price,
                cast(Quantity * cast(UnitPrice as decimal(18, 4)) as decimal(18, 4)) as amount,
                case when InvoiceNo like 'C%' then 'refunded' else 'completed' end as status,
                Country as country
            from read_parquet('{source}', file_row_number = true)
            """,
            landing / "ecommerce" / "2011-12-10" / "orders.parquet",
        )


def supermarket(landing: Path) -> None:
    """9,959 Chinese order lines as till sales, and their 790 customers as members without a phone."""
    source = REAL_DATA / "sales" / "visactor_supermarket.parquet"
    with duckdb.connect() as con:
        (last_day,) = con.execute(f"select strftime(max(order_date), '%Y-%m-%d') from '{source}'").fetchone() or ("",)
        folder = landing / "pos" / last_day
        _write(
            con,
            f"""
            select customer_id as 会员号, any_value(customer_name) as 姓名, arg_min(city, id) as 城市,
                strftime(min(order_date), '%Y年%m月%d日') as 注册时间
            from '{source}' group by customer_id order by customer_id
            """,
            folder / "members.csv",
        )
        _write(
            con,
            f"""
            select order_id as 小票号, row_number() over (partition by order_id order by id) as line_no,
                strftime(order_date, '%Y/%m/%d 12:00') as sold_at, customer_id as 会员号, product_id as 商品编码,
                product_name as 商品名称, product_type as 品类, amount as 数量, discount as 优惠, sales as 实付金额
            from '{source}'
            """,
            folder / "sales.csv",
        )


def complete_journey(landing: Path) -> None:
    """1,469,307 grocery till lines of 2,469 households; no members are delivered."""
    sales = REAL_DATA / "sales" / "transactions.parquet"
    products = REAL_DATA / "sales" / "products.parquet"
    with duckdb.connect() as con:
        _write(
            con,
            f"""
            select t.basket_id as ticket_id,
                row_number() over (partition by t.basket_id order by t.product_id, t.sales_value) as line_no,
                t.transaction_timestamp as sold_at, t.store_id, t.household_id as member_id, t.product_id as sku,
                p.product_type as product_name, p.department as category, t.quantity,
                t.retail_disc + t.coupon_disc as discount, t.sales_value as amount
            from '{sales}' as t left join '{products}' as p using (product_id)
            """,
            landing / "pos" / "2018-01-02" / "sales.parquet",
        )


def kanoniv(landing: Path) -> dict[str, int]:
    """One company's CRM, billing, app, partner and support extracts; returns person rows per record source.

    CRM contacts are members of the shop; billing, app, partner and support people are accounts; tickets
    are cases of their account.
    """
    folder = REAL_DATA / "identity" / "kanoniv"
    day = "2025-06-30"
    with duckdb.connect() as con:

        def read(name: str) -> str:
            return f"read_csv('{folder / name}.csv', all_varchar = true)"

        _write(
            con,
            f"""
            select crm_contact_id as member_id, concat_ws(' ', first_name, last_name) as name, phone,
                created_at as registered_at
            from {read("crm_contacts")}
            """,
            landing / "pos" / day / "members.csv",
        )
        _write(
            con,
            f"""
            select billing_account_id as account_id, account_name as name, null as phone, email,
                billing_address as address, created_at as registered_at from {read("billing_accounts")}
            union all by name
            select app_user_id as account_id, concat_ws(' ', first_name, last_name) as name, email,
                created_at as registered_at from {read("app_signups")}
            union all by name
            select partner_lead_id as account_id, concat_ws(' ', first_name, last_name) as name, email,
                submitted_at as registered_at from {read("partner_leads")}
            union all by name
            select support_user_id as account_id, display_name as name, email, phone, created_at as registered_at
            from {read("support_users")}
            """,
            landing / "ecommerce" / day / "customers.csv",
        )
        _write(
            con,
            f"""
            select ticket_id as case_id, created_at as opened_at, resolved_at, support_user_id as account_id,
                'email' as channel, 'inquiry' as case_type,
                case when resolved_at is null then 'N' else 'Y' end as is_resolved
            from {read("support_tickets")}
            """,
            landing / "call_center" / day / "cases.csv",
        )
        counts = con.execute(
            f"""
            select (select count(*) from {read("crm_contacts")}),
                (select count(*) from {read("billing_accounts")}) + (select count(*) from {read("app_signups")})
                + (select count(*) from {read("partner_leads")}) + (select count(*) from {read("support_users")}),
                (select count(*) from {read("support_tickets")})
            """
        ).fetchone()
    assert counts is not None
    return dict(zip(("pos.members", "ecommerce.customers", "call_center.cases"), counts, strict=True))

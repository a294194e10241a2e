"""The golden record: for each customer and field the value that survives, and those that do not.

What belongs here: survivorship by policy, with the provenance of every value. What does not:
who is one customer, and anything customers did.
"""

import duckdb

from orchestration.cleaning.salutations import LATIN_TITLE_OF_GENDER, TITLE_OF_GENDER
from orchestration.errors import UserError
from orchestration.identity.policy import IdentityPolicy

# What each strategy puts first; ties go to the next strategy, and last to the oldest record.
_STRATEGIES = {
    "fullest_name": "(name_key is null), (surname is null), (name_kind not in ('full', 'latin'))",
    "gendered_title": "(title_gender is null)",
    "most_frequent": "times desc",
    "most_trusted_source": "trust",
    "most_recent": "updated_on desc",
    "longest": "length(value) desc",
}

# Field to the column whose values compete and the columns that come with the winner.
_FIELDS = {
    # Without a title or a sex a person is called by the surname as written (小张, 欧阳), never by the whole name.
    "name": (
        "display_name",
        """display_name as name, masked_name, surname,
        case when surname is not null and given_name is null then salutation end as name_salutation""",
    ),
    "salutation": ("honorific", "honorific, honorific_class, surname as honorific_surname"),
    "gender": ("gender", "gender as declared_gender"),
    "birthday": ("birthday", "birthday"),
    "phone": ("phone", "phone, masked_phone"),
    "email": ("email", "email, masked_email"),
    "address": ("city", "province, city, district"),
}

_GOLDEN_VALUES = """
create or replace table identity.golden_values (
    customer_id varchar, field varchar, value varchar, survives boolean, decided_by varchar, source varchar,
    record_key varchar, times bigint, updated_on date
)
"""


def build_customers(connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy) -> int:
    """Write `identity.customers`, one row per customer id of the crosswalk; return their number.

    Also writes `identity.golden_values`, one row per customer, field and distinct value: whether it survives, the
    record it is taken from (of several the one that ranks first), how many records say it, and the strategy
    that decided between it and the survivor (for the survivor: between it and the next best; `only_value` where
    there is none, `oldest_record` where no strategy decides). It holds unmasked values and is never published.

    Raises:
        UserError: `survivorship.csv` lacks a field or names an unknown strategy.
    """
    rules = {r.field: r.strategies for r in policy.survivorship}
    connection.execute(
        """
        create or replace temp table golden_input as
        select
            x.customer_id, r.*, coalesce(t.trust, 99) as trust,
            -- A number that changed hands since is somebody else's now.
            o.value is not null or coalesce(r.phone_period < h.latest, false) as blocked_phone,
            m.value is not null as blocked_email
        from identity.records as r
        inner join identity.clusters as k using (record_id)
        inner join identity.customer_xref as x on x.source = r.source and x.record_key = r.record_key
        left join identity_trust as t on t.source = r.source
        left join blocked_identifiers as o on o.kind = 'phone' and o.value = r.phone
        left join (
            select phone, max(phone_period) as latest from identity.records
            where phone_period is not null group by phone
        ) as h on h.phone = r.phone
        left join blocked_identifiers as m on m.kind = 'email' and m.value = r.email
        where x.customer_id is not null
        """
    )
    connection.execute(_GOLDEN_VALUES)
    for field, (value, columns) in _FIELDS.items():
        order = _order(field, rules)
        shown = "concat_ws(' ', province, city, district)" if field == "address" else f"{value}::varchar"
        extra = {"phone": "and not blocked_phone", "email": "and not blocked_email"}.get(field, "")
        connection.execute(
            f"""
            create or replace temp table golden_ranked as
            with values_said as (
                select
                    *, {value}::varchar as value, {shown} as shown,
                    count(*) over (partition by customer_id, {value}) as times
                from golden_input
                where {value} is not null {extra}
            ),
            distinct_values as (
                select * from values_said
                qualify row_number() over (partition by customer_id, shown order by {order}, record_id) = 1
            )
            select *, row_number() over (partition by customer_id order by {order}, record_id) as position
            from distinct_values
            """
        )
        connection.execute(
            f"create or replace temp table golden_{field} as select customer_id, {columns} "
            "from golden_ranked where position = 1"
        )
        connection.execute(_decided_by(rules[field]), {"field": field})
    connection.execute(_CUSTOMERS)
    for name in [*(f"golden_{f}" for f in _FIELDS), "golden_ranked", "golden_input"]:
        connection.execute(f"drop table {name}")
    row = connection.execute("select count(*) from identity.customers").fetchone()
    return int(row[0]) if row else 0


def _order(field: str, rules: dict[str, tuple[str, ...]]) -> str:
    """SQL order that puts the surviving value of a field first."""
    if field not in rules:
        raise UserError(f"survivorship.csv has no row for `{field}` in force: add one with valid_from and why.")
    unknown = [s for s in rules[field] if s not in _STRATEGIES]
    if unknown:
        raise UserError(
            f"survivorship.csv, field `{field}`: unknown strategy `{unknown[0]}`; known are {', '.join(_STRATEGIES)}."
        )
    return ", ".join(_STRATEGIES[s] for s in rules[field])


# Mr Smith, 张先生, Smith先生.
_TITLED = """case when ascii(surname) < 128 and ascii(honorific) < 128 then honorific || ' ' || surname
            else surname || honorific end"""


def _decided_by(strategies: tuple[str, ...]) -> str:
    """SQL that adds the ranked values of a field to `golden_values` with the strategy that decided each."""
    compared = [(s, _STRATEGIES[s].removesuffix(" desc")) for s in strategies]
    first = ", ".join(
        f"row({sql}) as said_{i}, "
        f"first_value(row({sql})) over (partition by customer_id order by position) as best_{i}, "
        f"nth_value(row({sql}), 2) over (partition by customer_id order by position rows between unbounded preceding "
        f"and unbounded following) as next_{i}"
        for i, (_, sql) in enumerate(compared)
    )
    winner = " ".join(f"when next_{i} is distinct from said_{i} then '{s}'" for i, (s, _) in enumerate(compared))
    loser = " ".join(f"when best_{i} is distinct from said_{i} then '{s}'" for i, (s, _) in enumerate(compared))
    return f"""
        insert into identity.golden_values
        select
            customer_id, $field, shown, position = 1,
            case
                when position = 1 and competing = 1 then 'only_value'
                when position = 1 then case {winner} else 'oldest_record' end
                else case {loser} else 'oldest_record' end
            end,
            source, record_key, times, updated_on
        from (select *, count(*) over (partition by customer_id) as competing, {first} from golden_ranked)
        order by customer_id, position
    """


_CUSTOMERS = f"""
create or replace table identity.customers as
with totals as (
    select
        customer_id,
        count(*) filter (where source = 'pos.members') as member_count,
        count(*) filter (where source = 'ecommerce.customers') as account_count,
        count(*) as record_count
    from identity.customer_xref
    where customer_id is not null
    group by customer_id
),
seen as (
    select
        customer_id,
        min(registered_at) as registered_at,
        min(first_seen_at) as first_seen_at,
        -- Titles agree within a customer, so any of them will do.
        max(title_gender) as title_gender
    from golden_input
    group by customer_id
),
-- The newest answer counts; of two of one day the refusal.
consents as (
    select customer_id, marketing_consent, updated_on as marketing_consent_since
    from golden_input
    where marketing_consent is not null
    qualify row_number() over (partition by customer_id order by updated_on desc, marketing_consent, record_id) = 1
),
referrers as (
    select g.customer_id, x.customer_id as referrer_customer_id
    from golden_input as g
    inner join identity.customer_xref as x
        on x.source = 'ecommerce.customers' and x.record_key = g.referrer_account_id
    where x.customer_id <> g.customer_id
    qualify row_number() over (partition by g.customer_id order by g.record_id) = 1
),
joined as (
    select
        t.*, n.name, n.masked_name, n.name_salutation, coalesce(n.surname, h.honorific_surname) as surname,
        h.honorific, h.honorific_class, coalesce(s.title_gender, g.declared_gender) as gender,
        b.birthday, p.phone, p.masked_phone, e.email, e.masked_email, a.province, a.city, a.district,
        c.marketing_consent, c.marketing_consent_since, r.referrer_customer_id, s.registered_at, s.first_seen_at
    from totals as t
    left join seen as s using (customer_id)
    left join golden_name as n using (customer_id)
    left join golden_salutation as h using (customer_id)
    left join golden_gender as g using (customer_id)
    left join golden_birthday as b using (customer_id)
    left join golden_phone as p using (customer_id)
    left join golden_email as e using (customer_id)
    left join golden_address as a using (customer_id)
    left join consents as c using (customer_id)
    left join referrers as r using (customer_id)
)
select
    customer_id,
    name,
    masked_name,
    case
        when honorific_class = 'gendered' and surname is not null then {_TITLED}
        when surname is not null and gender is not null then
            case
                when ascii(surname) < 128 then
                    case gender
                        when 'male' then '{LATIN_TITLE_OF_GENDER["male"]} ' else '{LATIN_TITLE_OF_GENDER["female"]} '
                    end || surname
                else
                    surname
                    || case gender when 'male' then '{TITLE_OF_GENDER["male"]}' else '{TITLE_OF_GENDER["female"]}' end
            end
        when honorific is not null and surname is not null then {_TITLED}
        else coalesce(name_salutation, masked_name)
    end as salutation,
    gender,
    birthday,
    phone,
    masked_phone,
    email,
    masked_email,
    province,
    city,
    district,
    member_count,
    account_count,
    record_count,
    marketing_consent,
    marketing_consent_since,
    referrer_customer_id,
    registered_at,
    first_seen_at
from joined
order by customer_id
"""

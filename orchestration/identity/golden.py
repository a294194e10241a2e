"""The golden record: for each customer and field the value that survives, and those that do not.

What belongs here: survivorship by policy, with the provenance of every value. What does not:
who is one customer, and anything customers did.
"""

import duckdb

from orchestration.cleaning.salutations import LATIN_TITLE_OF_GENDER, TITLE_OF_GENDER
from orchestration.database import transaction
from orchestration.errors import UserError
from orchestration.identity.kept_subjects import DESCRIBES_ITS_OWNER
from orchestration.identity.policy import IdentityPolicy
from orchestration.identity.recipes import Built, find_due, note_recipe, recipe, why_all_is_due

# What each strategy puts first, as a number of which the least wins; ties go to the next strategy, last to the oldest.
_STRATEGIES = {
    "fullest_name": (
        "4 * (name_key is null)::integer + 2 * (surname is null)::integer"
        " + (name_kind not in ('full', 'latin'))::integer"
    ),
    "gendered_title": "(title_gender is null)::integer",
    "most_frequent": "-times",
    "most_trusted_source": "trust",
    "most_recent": "date '2000-01-01' - updated_on",
    "longest": "-length(value)",
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

# All that a golden record is made of: one row per record of a customer that describes it.
_INPUT = """
select
    x.customer_id, r.record_id, r.source, r.record_key, r.first_delivered, r.first_seen_at, r.registered_at,
    r.updated_on, r.display_name, r.masked_name, r.name_key, r.name_kind, r.surname, r.given_name, r.salutation,
    r.honorific, r.honorific_class, r.title_gender, r.gender, r.birthday, r.phone, r.masked_phone, r.email,
    r.masked_email, r.province, r.city, r.district, r.marketing_consent,
    case when f.customer_id <> x.customer_id then f.customer_id end as referrer_customer_id,
    coalesce(t.trust, 99) as trust,
    -- A number that changed hands since is somebody else's now.
    o.value is not null or coalesce(r.phone_period < h.latest, false) as blocked_phone,
    m.value is not null as blocked_email
from identity.records as r
inner join {xref} as x on x.source = r.source and x.record_key = r.record_key
left join identity_trust as t on t.source = r.source
left join blocked_identifiers as o on o.kind = 'phone' and o.value = r.phone
left join (
    select phone, max(phone_period) as latest from identity.records
    where phone_period is not null group by phone
) as h on h.phone = r.phone
left join blocked_identifiers as m on m.kind = 'email' and m.value = r.email
left join identity.customer_xref as f on f.source = 'ecommerce.customers' and f.record_key = r.referrer_account_id
where x.customer_id is not null and {describing}
"""

_TOTALS = """
create or replace temp table golden_totals as
select
    customer_id,
    count(*) filter (where source = 'pos.members') as member_count,
    count(*) filter (where source = 'ecommerce.customers') as account_count,
    count(*) as record_count
from identity.customer_xref
where customer_id is not null
group by customer_id
"""

# The records in their order of age, which follows from what is hashed; their numbers shift when older ones arrive.
_CONTENTS = f"""
create or replace temp table contents_now as
with said as (
    select customer_id, sum(hash(*columns(* exclude (customer_id, record_id)))) as records
    from ({_INPUT.format(xref="identity.customer_xref", describing=DESCRIBES_ITS_OWNER)})
    group by customer_id
)
select t.customer_id, hash(t.member_count, t.account_count, t.record_count, s.records) as content
from golden_totals as t
left join said as s using (customer_id)
"""

_TABLES = """
create or replace table identity.golden_values (
    customer_id varchar, field varchar, value varchar, survives boolean, decided_by varchar, source varchar,
    record_key varchar, times bigint, updated_on date
);
create or replace table identity.customers (
    customer_id varchar, name varchar, masked_name varchar, salutation varchar, gender varchar, birthday date,
    phone varchar, masked_phone varchar, email varchar, masked_email varchar, province varchar, city varchar,
    district varchar, member_count bigint, account_count bigint, record_count bigint, marketing_consent boolean,
    marketing_consent_since date, referrer_customer_id varchar, registered_at timestamp, first_seen_at timestamp
);
create or replace table identity.golden_contents (customer_id varchar, content ubigint)
"""


def build_customers(connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy) -> Built:
    """Write `identity.customers`, one row per customer id of the crosswalk.

    Also writes `identity.golden_values`, one row per customer, field and distinct value: whether it survives, the
    record it is taken from (of several the one that ranks first), how many records say it, and the strategy
    that decided between it and the survivor (for the survivor: between it and the next best; `only_value` where
    there is none, `oldest_record` where no strategy decides). It holds unmasked values and is never published.

    Customers whose records are as they were, by the checksums in `identity.golden_contents`, keep their rows. All are
    written anew where survivorship, trust, blocked values, code or engine changed.

    Raises:
        UserError: `survivorship.csv` lacks a field or names an unknown strategy.
    """
    rules = {r.field: r.strategies for r in policy.survivorship}
    strategies = {field: _strategies(field, rules) for field in _FIELDS}
    made_by = recipe(
        sorted(rules.items()), sorted(policy.source_trust.items()), policy.blocked,
        TITLE_OF_GENDER, LATIN_TITLE_OF_GENDER,
    )  # fmt: skip
    connection.execute(_TOTALS)
    connection.execute(_CONTENTS)
    full_because = why_all_is_due(
        connection, "customers", made_by, "golden_contents", along=["golden_values"]
    ) or find_due(connection, "identity.golden_contents", ("customer_id",))
    if full_because:
        xref = "identity.customer_xref"
    else:
        xref = "due_xref"
        connection.execute(
            "create or replace temp table due_xref as from identity.customer_xref semi join due using (customer_id)"
        )
    connection.execute(
        f"create or replace temp table golden_input as {_INPUT.format(xref=xref, describing=DESCRIBES_ITS_OWNER)}"
    )
    with transaction(connection):
        if full_because:
            connection.execute(_TABLES)
        else:
            for table in ("customers", "golden_values", "golden_contents"):
                connection.execute(f"delete from identity.{table} where customer_id in (from due union all from gone)")
        for field, (value, columns) in _FIELDS.items():
            _rank(connection, field, value, columns, strategies[field])
        due = "true" if full_because else "customer_id in (from due)"
        connection.execute(f"insert into identity.customers by name {_CUSTOMERS.format(due=due)}")
        connection.execute(f"insert into identity.golden_contents select * from contents_now where {due}")
        note_recipe(connection, "customers", made_by)
    row = connection.execute(
        f"select (select count(*) from identity.customers), (select count(*) from contents_now where {due})"
    ).fetchone()
    for name in [*(f"golden_{f}" for f in _FIELDS), "golden_ranked", "golden_input", "contents_now", "golden_totals"]:
        connection.execute(f"drop table temp.{name}")
    for name in ("due", "gone", "due_xref"):
        connection.execute(f"drop table if exists temp.{name}")
    customers, made = row or (0, 0)
    return Built(customers, made, full_because)


def _strategies(field: str, rules: dict[str, tuple[str, ...]]) -> tuple[str, ...]:
    """The strategies of a field in their order."""
    if field not in rules:
        raise UserError(f"survivorship.csv has no row for `{field}` in force: add one with valid_from and why.")
    unknown = [s for s in rules[field] if s not in _STRATEGIES]
    if unknown:
        raise UserError(
            f"survivorship.csv, field `{field}`: unknown strategy `{unknown[0]}`; known are {', '.join(_STRATEGIES)}."
        )
    return rules[field]


def _rank(
    connection: duckdb.DuckDBPyConnection, field: str, value: str, columns: str, strategies: tuple[str, ...]
) -> None:
    """Let the values of a field compete: write the survivors to temporary table `golden_<field>`, all to the values.

    Only numbers are sorted; what comes with a value is fetched at the end by its record.
    """
    shown = "concat_ws(' ', province, city, district)" if field == "address" else f"{value}::varchar"
    extra = {"phone": "and not blocked_phone", "email": "and not blocked_email"}.get(field, "")
    ranks = "".join(f", {_STRATEGIES[s]} as rank_{i}" for i, s in enumerate(strategies))
    order = ", ".join([*(f"rank_{i}" for i in range(len(strategies))), "record_id"])
    connection.execute(
        f"""
        create or replace temp table golden_ranked as
        with values_said as (
            select
                customer_id, record_id, name_key, surname, name_kind, title_gender, trust, updated_on,
                {value}::varchar as value, {shown} as shown,
                count(*) over (partition by customer_id, {value}) as times
            from golden_input
            where {value} is not null {extra}
        ),
        judged as (select customer_id, record_id, shown, times{ranks} from values_said),
        distinct_values as (
            select * from judged
            qualify row_number() over (partition by customer_id, shown order by {order}) = 1
        )
        select *, row_number() over (partition by customer_id order by {order}) as position
        from distinct_values
        """
    )
    connection.execute(
        f"create or replace temp table golden_{field} as select i.customer_id, {columns} "
        "from golden_ranked as r inner join golden_input as i using (record_id) where r.position = 1"
    )
    connection.execute(_decided_by(strategies), {"field": field})


# Mr Smith, 张先生, Smith先生.
_TITLED = """case when ascii(surname) < 128 and ascii(honorific) < 128 then honorific || ' ' || surname
            else surname || honorific end"""


def _decided_by(strategies: tuple[str, ...]) -> str:
    """SQL that adds the ranked values of a field to `golden_values` with the strategy that decided each."""
    compared = "".join(
        f", first_value(rank_{i}) over by_position as best_{i}, nth_value(rank_{i}, 2) over by_position as next_{i}"
        for i in range(len(strategies))
    )
    winner = " ".join(f"when next_{i} is distinct from rank_{i} then '{s}'" for i, s in enumerate(strategies))
    loser = " ".join(f"when best_{i} is distinct from rank_{i} then '{s}'" for i, s in enumerate(strategies))
    return f"""
        insert into identity.golden_values
        with judged as (
            select
                record_id, shown, times, position,
                case
                    when position = 1 and competing = 1 then 'only_value'
                    when position = 1 then case {winner} else 'oldest_record' end
                    else case {loser} else 'oldest_record' end
                end as decided_by
            from (
                select *, count(*) over (partition by customer_id) as competing{compared} from golden_ranked
                window by_position as (
                    partition by customer_id order by position rows between unbounded preceding and unbounded following
                )
            )
        )
        select
            i.customer_id, $field, j.shown, j.position = 1, j.decided_by, i.source, i.record_key, j.times, i.updated_on
        from judged as j inner join golden_input as i using (record_id)
        order by i.customer_id, j.position
    """


_CUSTOMERS = f"""
with totals as (select * from golden_totals where {{due}}),
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
    select customer_id, marketing_consent, registered_at::date as registered_on, updated_on
    from golden_input
    where marketing_consent is not null
    qualify row_number() over (partition by customer_id order by updated_on desc, marketing_consent, record_id) = 1
),
referrers as (
    select customer_id, arg_min(referrer_customer_id, record_id) as referrer_customer_id
    from golden_input
    where referrer_customer_id is not null
    group by customer_id
),
joined as (
    select
        t.*, n.name, n.masked_name, n.name_salutation, coalesce(n.surname, h.honorific_surname) as surname,
        h.honorific, h.honorific_class, coalesce(s.title_gender, g.declared_gender) as gender,
        b.birthday, p.phone, p.masked_phone, e.email, e.masked_email, a.province, a.city, a.district,
        c.marketing_consent,
        -- A register says that a consent stands, not since when, and its rows come again when an address changes.
        -- Dated by delivery it would look newer than an opt-out before it, so it counts from registration.
        case when c.marketing_consent then coalesce(c.registered_on, s.first_seen_at::date) else c.updated_on end
            as marketing_consent_since,
        r.referrer_customer_id, s.registered_at, s.first_seen_at
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

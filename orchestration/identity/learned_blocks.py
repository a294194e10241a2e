"""Values that so many people share that they link nobody, as the last run learned them: for a person to look at.

What belongs here: the masked table of what was learned. What does not: learning it and doing without such values
(`deterministic.py`), and values blocked by hand (`blocked_identifiers.csv`).
"""

import duckdb

from orchestration.identity.policy import IdentityPolicy

# Kind to the column that holds it and what of it may be shown.
_KINDS = {
    "phone": ("r.phone", "any_value(r.masked_phone)"),
    "phone_mask": ("r.phone_mask", "any_value(r.phone_mask)"),
    "email": ("r.email", "any_value(r.masked_email)"),
    "user_name": ("r.user_name", "left(any_value(r.user_name), 2) || '***'"),
    "unionid": ("r.unionid", "left(any_value(r.unionid), 2) || '***'"),
    "id_card": ("r.id_card", "left(any_value(r.id_card), 2) || '***'"),
    "address": ("r.address_key", "concat_ws(' ', any_value(r.province), any_value(r.city), '***')"),
    "birthday": ("r.birthday::varchar", "year(any_value(r.birthday))::varchar || '-**-**'"),
    "member_id": ("r.member_id", "left(any_value(r.member_id), 2) || '***'"),
    "account_id": ("r.account_id", "left(any_value(r.account_id), 2) || '***'"),
}


def write_learned_blocks(connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy) -> dict[str, int]:
    """Write `identity.learned_blocks`, one row per value that was learned to be shared; return how many by kind.

    Reads temporary table `over_shared`. Columns: `kind`, `masked_value`, `people` (distinct names), `records`,
    `limit_name` and `limit_value` (the row of `identity_limits.csv` that it exceeds), `first_seen_on`,
    `last_seen_on`. Masked, and never published all the same.
    """
    connection.execute("create or replace temp table share_limits (limit_name varchar, limit_value double)")
    connection.executemany("insert into share_limits values (?, ?)", sorted(policy.limits.items()))
    holders = " union all ".join(
        f"""
        select l.kind, l.value, {masked} as masked_value, min(r.first_delivered) as first_seen_on,
            max(r.updated_on) as last_seen_on
        from learned as l inner join identity.records as r on {column} = l.value
        where l.kind = '{kind}'
        group by l.kind, l.value
        """
        for kind, (column, masked) in _KINDS.items()
    )
    connection.execute(
        f"""
        create or replace table identity.learned_blocks as
        with learned as (
            select
                o.*,
                case
                    when o.kind = 'birthday' then 'max_birthday_share'
                    when o.people > n.limit_value then n.limit_name
                    else 'max_records_per_' || o.kind
                end as exceeded
            from over_shared as o
            left join share_limits as n on n.limit_name = 'max_people_per_' || o.kind
            where o.records > 0
        ),
        holders as ({holders})
        select
            l.kind, h.masked_value, l.people, l.records, l.exceeded as limit_name, m.limit_value,
            h.first_seen_on, h.last_seen_on
        from learned as l
        inner join holders as h using (kind, value)
        inner join share_limits as m on m.limit_name = l.exceeded
        order by l.kind, l.people desc, l.records desc, h.masked_value
        """
    )
    connection.execute("drop table share_limits")
    rows = connection.execute("select kind, count(*) from identity.learned_blocks group by kind order by kind")
    return dict(rows.fetchall())

"""The records to be linked as the last run described them, so that a night describes only those that may have changed.

What belongs here: `identity.subjects`, the checksums that say of what each was made, and which are due. What does not:
describing them (`deterministic.py`), and the pairs between them (`kept_pairs.py`).

A subject follows from its own record, from the mentions that stand with it, and from which of their values are trusted.
So one is due when a checksum of those records is another, or when one of them holds a value that is trusted now and was
not, or the reverse. All are described anew where policy, code or engine changed.
"""

import duckdb

from orchestration.database import table_exists, transaction
from orchestration.identity.deterministic import JUDGED, describe, judge_values
from orchestration.identity.kept_pairs import content_of
from orchestration.identity.policy import IdentityPolicy
from orchestration.identity.recipes import most_of_it, note_recipe, recipe, recipe_of, why_all_is_due

DESCRIBES_ITS_OWNER = """(
    r.source in ('pos.members', 'ecommerce.customers')
    or (r.member_id is null or r.member_id not in (select value from identity.distrusted where kind = 'member_id'))
    and (r.account_id is null or r.account_id not in (select value from identity.distrusted where kind = 'account_id'))
)"""
"""SQL over a record `r` of `identity.records`: not what somebody says who calls with a card or account of everybody."""

_CONTENTS = """
create or replace temp table subject_contents as
with mentioned as (
    select o.owner_id, sum(hash(r.content)) as content
    from owned as o inner join identity.records as r using (record_id)
    group by o.owner_id
)
select r.record_id, hash(r.content, m.content) as made_from
from identity.records as r
left join mentioned as m on m.owner_id = r.record_id
where r.record_id not in (select record_id from owned)
"""

_DISTRUSTED = """
create or replace temp table distrusted as
select kind, value from over_shared
union all
select 'word', word from common_words
"""

_HOLDS_RETRUSTED = "\n    or ".join(
    f"r.{column} in (select value from retrusted where kind = '{kind}')" for kind, column in JUDGED.items()
)

_DUE = f"""
create or replace temp table retrusted as
(from distrusted except from identity.distrusted)
union all
(from identity.distrusted except from distrusted);
create or replace temp table due_subjects as
select record_id from subject_contents where made_from not in (select made_from from identity.subjects)
union
select coalesce(o.owner_id, r.record_id)
from identity.records as r
left join owned as o using (record_id)
where
    {_HOLDS_RETRUSTED}
    or list_has_any(r.address_words, (select list(value) from retrusted where kind = 'word'))
"""

# The others keep their rows; their numbers shift when older records arrive.
_RENUMBER = """
delete from identity.subjects
where
    made_from not in (select made_from from subject_contents)
    or made_from in (select made_from from subject_contents semi join due_subjects using (record_id));
update identity.subjects set record_id = c.record_id
from subject_contents as c
where subjects.made_from = c.made_from and subjects.record_id <> c.record_id
"""


def refresh_subjects(connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy) -> int:
    """Write `identity.subjects`, and what `describe_subjects` writes, `subjects` as a temporary view of it.

    `identity.subjects` has two checksums more: `made_from` of the records that a subject was made from, and `content`
    of all that is compared (`content_of`). `identity.distrusted` (`kind, value`) notes what was not trusted.
    Returns how many were described.
    """
    judge_values(connection, policy)
    connection.execute(_CONTENTS)
    connection.execute(_DISTRUSTED)
    made_by = recipe(sorted(policy.limits.items()), recipe_of(connection, "records"))
    all_due = bool(why_all_is_due(connection, "subjects", made_by)) or not table_exists(
        connection, "identity", "distrusted"
    )
    if not all_due:
        connection.execute(_DUE)
        all_due = most_of_it(connection, "due_subjects", "subject_contents")
    if all_due:
        describe(connection, "record_id in (select record_id from subject_contents)")
    else:
        describe(connection, "record_id in (from due_subjects)", "table")
    made = f"""
        select d.*, h.content, c.made_from
        from described as d
        inner join ({content_of("described")}) as h using (record_id)
        inner join subject_contents as c using (record_id)
    """
    with transaction(connection):
        if all_due:
            connection.execute(f"create or replace table identity.subjects as {made}")
        else:
            connection.execute(_RENUMBER)
            connection.execute(f"insert into identity.subjects by name {made}")
        connection.execute("create or replace table identity.distrusted as from distrusted")
        note_recipe(connection, "subjects", made_by)
    connection.execute(
        "create or replace temp view subjects as select * exclude (content, made_from) from identity.subjects"
    )
    row = connection.execute("select count(*) from described").fetchone()
    for table in ("subject_contents", "distrusted", "retrusted", "due_subjects", "described"):
        connection.execute(f"drop table if exists temp.{table}")
    return int(row[0]) if row else 0

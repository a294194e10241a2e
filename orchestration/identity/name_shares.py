"""How common a name is, from statistics that stand still: what two people of one name says about them.

What belongs here: the share of people who bear a name or one that sounds like it, from the frequencies of surnames
and characters under `seeds/reference` and from what a trained model keeps. What does not: counting names among the
records at hand for a model (`training.py`), and what a share weighs (`match_weights.py`).

Nothing here looks at how often a name occurs among the records: a pair weighs the same whatever else arrives.
"""

from collections import defaultdict
from functools import cache
from pathlib import Path

import duckdb

from orchestration.cleaning.pinyin import usual_reading
from orchestration.cleaning.wordlists import REFERENCE_DIR, fingerprint, read_rows
from orchestration.identity.policy import IdentityPolicy

_FILES = ("surnames.csv", "given_name_characters.csv")


def reference_fingerprint() -> str:
    """Digest of the word lists that the shares come from."""
    return fingerprint(REFERENCE_DIR / name for name in _FILES)


@cache
def _surnames(directory: Path) -> tuple[tuple[str, float, float], ...]:
    """Surname, its share of people, and the share of all surnames that sound like it."""
    rows = read_rows(directory / "surnames.csv", ["surname", "frequency", "reading", "canonical"])
    people: dict[str, float] = defaultdict(float)
    sounds: dict[str, float] = defaultdict(float)
    reading: dict[str, str] = {}
    for row in rows:
        people[row["canonical"]] += float(row["frequency"])
        sounds[row["reading"]] += float(row["frequency"])
        reading.setdefault(row["canonical"], row["reading"])
    everyone = sum(people.values())
    return tuple((s, n / everyone, sounds[reading[s]] / everyone) for s, n in people.items())


@cache
def _characters(directory: Path) -> tuple[tuple[str, float, float], ...]:
    """Character of given names, its share of their characters, and the share of those that sound like it."""
    rows = read_rows(directory / "given_name_characters.csv", ["character", "male", "female"])
    people = {r["character"]: float(r["male"]) + float(r["female"]) for r in rows}
    reading = {c: usual_reading(c) for c in people}
    sounds: dict[str, float] = defaultdict(float)
    for character, count in people.items():
        sounds[reading[character]] += count
    everyone = sum(people.values())
    return tuple((c, n / everyone, sounds[reading[c]] / everyone) for c, n in people.items())


def write_name_shares(
    connection: duckdb.DuckDBPyConnection,
    policy: IdentityPolicy,
    names: dict[str, float],
    sounds: dict[str, float],
    unlisted: float,
) -> None:
    """Write temporary table `name_shares` (`record_id, script, name_share, sound_share, part_share`).

    One row per subject with a name or a part of one (`script` is `part`, and `part_share` how common a surname or given
    name is that stands alone).

    A Chinese name is as common as its surname times its characters, at least `least_name_share`. What a trained model
    has counted comes first; a name that it does not list is borne by no more than the share `unlisted`. NULL for Latin
    names that the model does not list: the level's own share of non-matches holds.

    Args:
        connection: The working database with temporary table `subjects`.
        policy: Names the least share and how many given names have one character.
        names: Share of people by `name_key`, from the model.
        sounds: Share of people by `sound_key`, from the model.
        unlisted: The most that a name missing from both can have; 1 where the model counted none.
    """
    _fill(connection, "surname_shares", list(_surnames(REFERENCE_DIR)))
    _fill(connection, "character_shares", list(_characters(REFERENCE_DIR)))
    _fill(connection, "model_names", [(k, v, 0.0) for k, v in names.items()])
    _fill(connection, "model_sounds", [(k, v, 0.0) for k, v in sounds.items()])
    connection.execute(
        """
        create or replace temp table name_shares as
        with written as (
            select distinct
                name_key, sound_key, name_kind, surname, case when name_key is null then given_name end as part
            from subjects
            where coalesce(name_key, sound_key, surname, given_name) is not null
        ),
        parts as (
            select *, case when name_kind = 'full' then substr(name_key, coalesce(length(surname), 0) + 1) else part end
                as given
            from written
        ),
        counted as (
            select
                p.name_key, p.sound_key, p.name_kind, p.surname, p.part,
                case when length(p.given) = 1 then $single else 1 - $single end as of_length,
                case when p.name_key is null and p.sound_key is null and p.name_kind <> 'latin' then
                    case when p.surname is null then 1 else coalesce(s.share, $least) end
                    * case length(p.given) when 1 then a.share when 2 then a.share * b.share else 1 end
                end as part_share,
                s.share * a.share * case length(p.given) when 1 then 1 when 2 then b.share else 0 end as name_share,
                s.sound_share * a.sound_share
                    * case length(p.given) when 1 then 1 when 2 then b.sound_share else 0 end as sound_share
            from parts as p
            left join surname_shares as s on s.value = p.surname
            left join character_shares as a on a.value = substr(p.given, 1, 1)
            left join character_shares as b on b.value = substr(p.given, 2, 1)
        ),
        settled as (
            select
                c.name_key, c.sound_key, c.name_kind, c.surname, c.part,
                case when c.part_share < 1 then greatest(c.part_share, $least) end as part_share,
                coalesce(n.share, case when c.name_kind = 'full' then
                    greatest(least(coalesce(c.of_length * c.name_share, 0), $unlisted), $least) end) as name_share,
                coalesce(k.share, case when c.name_kind = 'full' then
                    greatest(least(coalesce(c.of_length * c.sound_share, 0), $unlisted), $least) end) as sound_share
            from counted as c
            left join model_names as n on n.value = c.name_key
            left join model_sounds as k on k.value = c.sound_key
        )
        select
            s.record_id,
            case
                when t.name_key is null and t.sound_key is null then 'part'
                when t.name_kind = 'latin' then 'latin'
                else 'chinese'
            end as script,
            t.name_share, t.sound_share, t.part_share
        from subjects as s
        inner join settled as t
            on t.name_key is not distinct from s.name_key and t.sound_key is not distinct from s.sound_key
            and t.name_kind is not distinct from s.name_kind and t.surname is not distinct from s.surname
            and t.part is not distinct from case when s.name_key is null then s.given_name end
        """,
        {
            "single": policy.limit("single_given_name_share"),
            "least": policy.limit("least_name_share"),
            "unlisted": unlisted,
        },
    )
    for table in ("surname_shares", "character_shares", "model_names", "model_sounds"):
        connection.execute(f"drop table {table}")


def _fill(connection: duckdb.DuckDBPyConnection, table: str, rows: list[tuple[str, float, float]]) -> None:
    connection.execute(f"create or replace temp table {table} (value varchar, share double, sound_share double)")
    if rows:
        columns = [list(column) for column in zip(*rows, strict=True)]
        connection.execute(f"insert into {table} select unnest(?), unnest(?), unnest(?)", columns)

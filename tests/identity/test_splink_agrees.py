"""Our match weights against Splink's own `predict`: the same levels, m and u give the same weights."""

import logging
import re
from math import log2
from typing import Any

import duckdb
import pytest
from splink import DuckDBAPI, Linker

from orchestration.identity.calibration import Calibration
from orchestration.identity.comparison import SIMILARITIES, compare_pairs, level_sql
from orchestration.identity.deterministic import describe_subjects
from orchestration.identity.match_weights import BY_SHARE, COMPARED
from orchestration.identity.policy import IdentityPolicy, load_policy
from orchestration.identity.resolve import make_records
from orchestration.identity.scoring import MATCH_WEIGHT, Model, default_model, weigh_levels

SURNAMES, GIVEN = "欧尹莫褚", ["鹏轩", "雨桐", "鹏宣", "浩"]
# A column of terms for Splink to adjust by is named as the share that it stands for.
TERMS = sorted(set(BY_SHARE.values()))


def some_people(world: Any) -> None:
    """Thirty records of every kind: slips, sounds, titles, pinyin, Latin, missing and shared values."""
    for number in range(20):
        name = SURNAMES[number % 4] + GIVEN[number // 4 % 4]
        world.member(
            f"M{number}",
            name + "先生" if number % 7 == 0 else name,
            f"1391234{number // 3 * 997:04d}",
            birthday=None if number % 5 == 0 else f"19{70 + number % 3}-0{1 + number % 4}-1{number % 2}",
            gender=[None, "male", "female"][number % 3],
            city=["成都市", "长沙市", None][number % 3],
            address=f"四川省成都市武侯区人民路{number % 4 + 1}号2栋1单元{number % 2 + 3}01室"
            if number % 3 == 0
            else None,
            id_card=f"51010719800101{number // 2:04d}" if number % 4 == 0 else None,
        )
    written = enumerate(["Ou Pengxuan", "欧先生", "Anna Kowalski", "Ana Kowalsky", None, "莫*", "A. Kowalski"])
    for number, other in written:
        mail = ["ou88@qq.com", "ou88@163.com", "anna.k@x.org", "ana.k@x.org"][number % 4]
        world.account(
            f"A{number}", other, f"1391234{number * 997:04d}", email=mail, city="成都市", birthday="1971-02-11"
        )


def predicted(
    connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy, model: Model, m: dict[str, Any], odds: float
) -> dict[tuple[int, int], float]:
    """Match weights by Splink of all pairs of `subjects`, with `m` for the shares of matches."""
    probability = 1 - 1 / (1 + 2**odds)
    settings = {
        "link_type": "dedupe_only",
        "unique_id_column_name": "record_id",
        "probability_two_random_records_match": probability,
        "blocking_rules_to_generate_predictions": [{"blocking_rule": "1 = 1", "sql_dialect": "duckdb"}],
        "comparisons": [comparison(policy, field, m[field], model.u[field]) for field in COMPARED],
    }
    # A term is whatever has the same share: terms that are written alike may sound differently common.
    terms = ", ".join(f"n.{column}::varchar as {column}" for column in TERMS)
    connection.execute(
        f"create or replace table people as select s.*, {terms} from subjects as s "
        "left join name_shares as n using (record_id)"
    )
    database = DuckDBAPI(connection)
    linker = Linker(database.register("people"), settings, log_level=logging.ERROR)
    for column in TERMS:
        connection.execute(
            f"create or replace table terms_{column} as select distinct {column}, {column}::double as tf_{column} "
            f"from people where {column} is not null"
        )
        linker.table_management.register_term_frequency_lookup(database.register(f"terms_{column}"), column)
    found = linker.inference.predict(warning_mode="never")
    query = f"select record_id_l, record_id_r, match_weight from {found.physical_name}"
    return {(left, right): weight for left, right, weight in connection.execute(query).fetchall()}


def comparison(policy: IdentityPolicy, field: str, m: dict[str, float], u: dict[str, float]) -> dict[str, Any]:
    """A comparison for Splink whose levels are ours, worked out by Splink from the columns of both records."""
    sql = level_sql(policy)[field]
    sql = re.sub(r"\bp\.(\w+)", lambda found: f"({SIMILARITIES[found[1]]})", sql)
    sql = re.sub(r"\b([lr])\.(\w+)", r"\2_\1", re.sub(r"--.*", "", sql))
    levels: list[dict[str, Any]] = [
        {"sql_condition": f"({sql}) = 'unknown'", "label_for_charts": "unknown", "is_null_level": True}
    ]
    for level in m:
        terms: dict[str, Any] = {}
        if (field, level) in BY_SHARE:
            terms = {"tf_adjustment_column": BY_SHARE[field, level], "disable_tf_exact_match_detection": True}
        shares = {"m_probability": m[level], "u_probability": u[level]}
        levels.append({"sql_condition": f"({sql}) = '{level}'", "label_for_charts": level, **shares, **terms})
    # Every level has its condition; Splink wants to know what would be of a pair that meets none.
    levels.append({"sql_condition": "ELSE", "label_for_charts": "none", "m_probability": 0.5, "u_probability": 0.5})
    return {"output_column_name": field, "comparison_levels": levels}


def test_splink_predicts_the_weights_that_we_sum(world: Any) -> None:
    connection, settings = world.connection, world.settings
    policy = load_policy(settings.policy_dir, settings.as_of)
    some_people(world)
    world.build_dictionaries()
    make_records(connection, settings)
    describe_subjects(connection, policy)
    connection.execute(
        "create or replace temp table every_pair as select l.record_id as l, r.record_id as r "
        "from subjects as l inner join subjects as r on l.record_id < r.record_id"
    )
    compare_pairs(connection, policy, "every_pair", "levels")
    model = default_model(policy)
    calibration = Calibration(policy, settings.warehouse / "none.json", model.prior(27), 27)
    weigh_levels(connection, policy, model, calibration, "levels", "weights")
    odds = calibration.odds(connection)
    one = predicted(connection, policy, model, model.m, odds.duplicates)
    two = predicted(connection, policy, model, model.relatives, odds.relatives)
    ours = connection.execute(
        f"select l, r, weight + $duplicates, relatives + $relatives, {MATCH_WEIGHT} from weights",
        {"duplicates": odds.duplicates, "relatives": odds.relatives},
    ).fetchall()
    assert len(ours) == len(one) == 351
    for left, right, person, related, weight in ours:
        assert person == pytest.approx(one[left, right], abs=1e-6)
        assert related == pytest.approx(two[left, right], abs=1e-6)
        assert weight == pytest.approx(one[left, right] - log2(1 + 2 ** two[left, right]), abs=1e-6)
    reached = connection.execute("select count(distinct name), count(distinct address) from levels").fetchone()
    assert reached >= (8, 5)

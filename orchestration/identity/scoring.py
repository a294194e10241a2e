"""Splink: how likely two records are one person when no shared identifier settles it.

What belongs here: the Splink settings, the model artefact (trained once, applied unchanged) and the
scored pairs. What does not: which scores make a link (`clustering.py`).
"""

import hashlib
import json
import logging
import re
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
from splink import DuckDBAPI, Linker

from orchestration.database import identifier
from orchestration.errors import UserError
from orchestration.identity.comparison import field_levels
from orchestration.identity.policy import IdentityPolicy

MODEL_FORMAT = 1
_COMPARED = ("name", "birthday", "phone", "email", "address", "gender")
_INPUT_COLUMNS = (
    "surname, given_name, name_kind, name_pattern, name_key, pinyin_key, sound_key, surname_sound, given_sound, "
    "title_gender, gender, birthday, phone, phones, email, email_local, city, district, road, "
    "road_number, building, room, address_key"
)

logging.getLogger("splink").setLevel(logging.ERROR)


@dataclass(frozen=True)
class Model:
    """Shares of matches (m) and non-matches (u) per level, the prior, and where they come from."""

    prior: float
    m: dict[str, dict[str, float]]
    u: dict[str, dict[str, float]]
    origin: str
    provenance: dict[str, Any]


def default_model(policy: IdentityPolicy, records: int) -> Model:
    """Return the shipped model of `comparison_levels.csv`, with a prior for this many records."""
    m: dict[str, dict[str, float]] = {}
    u: dict[str, dict[str, float]] = {}
    for level in policy.levels:
        m.setdefault(level.comparison, {})[level.level] = level.m
        u.setdefault(level.comparison, {})[level.level] = level.u
    prior = min(0.01, 2 * policy.limit("duplicates_per_record") / max(records - 1, 1))
    return Model(prior, m, u, "shipped", {})


def read_model(path: Path) -> Model:
    """Read a saved model.

    Raises:
        UserError: the file is not a model of this version; the message says how to get a new one.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != MODEL_FORMAT:
            raise UserError(
                f"The identity model {path} has format {content['format']}, this version reads {MODEL_FORMAT}: "
                "move the file away and run again to train a new one."
            )
        return Model(content["prior"], content["m"], content["u"], "trained", content["provenance"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(
            f"The identity model {path} cannot be read ({type(error).__name__}): "
            "restore it from a backup, or move it away and run again to train a new one."
        ) from error


def save_model(model: Model, path: Path) -> None:
    """Write a model with its provenance, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"format": MODEL_FORMAT, "prior": model.prior, "m": model.m, "u": model.u, "provenance": model.provenance}
    aside = path.with_suffix(".part")
    aside.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    aside.replace(path)


def score_pairs(
    connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy, model_path: Path, trained_on: date
) -> Model:
    """Score the pairs that the blocking rules find among `subjects`; return the model that was used.

    Writes temporary table `scored_pairs` (`l, r, match_weight, match_probability`), one row per pair at or
    above `review_probability`. The saved model is applied where there is one; otherwise one is trained and
    saved when the records suffice, else the shipped one is used.
    """
    connection.execute(
        "create or replace temp table scored_pairs "
        "(l integer, r integer, match_weight double, match_probability double)"
    )
    keys = _write_input(connection, policy)
    count = _count(connection, "scoring_input")
    model = default_model(policy, _count(connection, "subjects"))
    if model_path.exists():
        model = read_model(model_path)
    if count > policy.limit("max_records_to_score") or not _any_block(connection, keys):
        return model
    connection.execute("create schema if not exists identity_work")
    try:
        if model.origin == "shipped" and count >= policy.limit("min_records_to_train"):
            model = _train(connection, policy, model, keys, trained_on)
            save_model(model, model_path)
        database = DuckDBAPI(connection, output_schema="identity_work")
        linker = Linker(database.register("scoring_input"), _settings(policy, model, keys), log_level=logging.ERROR)
        found = linker.inference.predict(threshold_match_probability=policy.limit("review_probability"))
        connection.execute(
            f"""
            insert into scored_pairs
            select
                least(record_id_l, record_id_r), greatest(record_id_l, record_id_r),
                max(round(match_weight, 6)), max(round(match_probability, 8))
            from {found.physical_name}
            group by all
            """
        )
    finally:
        connection.execute("drop schema if exists identity_work cascade")
    return model


def _write_input(connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy) -> dict[str, bool]:
    """Write the records worth scoring with one column per blocking rule; NULL where a block is too large."""
    keys = {f"block_{rule.name}": rule.trains for rule in policy.blocking_rules}
    expressions = ", ".join(f"({r.key_sql})::varchar as {identifier('block_' + r.name)}" for r in policy.blocking_rules)
    limited = ", ".join(
        f"case when count(*) over (partition by {identifier('block_' + r.name)}) <= {r.max_block_size} "
        f"then {identifier('block_' + r.name)} end as {identifier('block_' + r.name)}"
        for r in policy.blocking_rules
    )
    try:
        connection.execute(
            f"""
            create or replace temp table scoring_keys as
            select record_id, {expressions}
            from subjects
            where
                name_key is not null or email is not null
                or (name_kind = 'latin' and coalesce(surname, given_name) is not null)
                or (birthday is not null and coalesce(phone, road, surname) is not null)
            """
        )
    except (duckdb.BinderException, duckdb.ParserException) as error:
        raise UserError(
            f"blocking_rules.csv holds a key_sql that cannot be used: {str(error).splitlines()[0]}. "
            "It may name columns of identity.records only."
        ) from error
    connection.execute(
        f"""
        create or replace temp table scoring_input as
        select s.record_id, {", ".join("s." + c for c in _INPUT_COLUMNS.split(", "))}, k.* exclude (record_id)
        from (select record_id, {limited} from scoring_keys) as k
        inner join subjects as s using (record_id)
        order by s.record_id
        """
    )
    connection.execute("drop table scoring_keys")
    return keys


def _any_block(connection: duckdb.DuckDBPyConnection, keys: dict[str, bool]) -> bool:
    """Say whether any two records share a block at all."""
    shared = " union all ".join(
        f"select 1 from scoring_input group by {identifier(k)} having count({identifier(k)}) > 1" for k in keys
    )
    return bool(shared) and connection.execute(f"select 1 from ({shared}) limit 1").fetchone() is not None


def _settings(policy: IdentityPolicy, model: Model, keys: dict[str, bool]) -> dict[str, Any]:
    """Return Splink settings with the model's parameters."""
    levels = field_levels(policy)
    return {
        "link_type": "dedupe_only",
        "unique_id_column_name": "record_id",
        "probability_two_random_records_match": model.prior,
        "blocking_rules_to_generate_predictions": [f"l.{identifier(name)} = r.{identifier(name)}" for name in keys],
        "comparisons": [_comparison(field, levels[field], model) for field in _COMPARED],
        "retain_matching_columns": False,
        "retain_intermediate_calculation_columns": False,
        "max_iterations": 20,
    }


def _comparison(field: str, level_sql: str, model: Model) -> dict[str, Any]:
    """Return the Splink comparison of one field: its levels of agreement with their shares."""
    level = _in_splink_terms(level_sql)
    described: list[dict[str, Any]] = [
        {"sql_condition": f"({level}) = 'unknown'", "label_for_charts": "unknown", "is_null_level": True}
    ]
    names = list(model.m[field])
    for position, name in enumerate(names):
        last = position == len(names) - 1
        accepted = {name, *_SAME_LEVEL.get((field, name), ())}
        listed = ", ".join(f"'{n}'" for n in sorted(accepted))
        entry: dict[str, Any] = {
            "sql_condition": "ELSE" if last else f"({level}) in ({listed})",
            "label_for_charts": name,
            "m_probability": model.m[field][name],
            "u_probability": model.u[field][name],
        }
        if (field, name) == ("name", "same"):
            # Splink knows the share of chance agreement of a name only where the level is a plain equality.
            entry["sql_condition"] = '"name_key_l" = "name_key_r"'
            entry |= {"tf_adjustment_column": "name_key", "tf_adjustment_weight": 1.0, "tf_minimum_u_value": 0.00001}
        described.append(entry)
    return {"output_column_name": field, "comparison_levels": described}


# Levels that the model does not tell apart.
_SAME_LEVEL = {("name", "part"): ("compatible",)}


def _in_splink_terms(sql: str) -> str:
    """Turn `l.name` and `r.name` into Splink's `"name_l"` and `"name_r"`."""
    return re.sub(r"\b([lr])\.(\w+)", r'"\2_\1"', sql)


def _train(
    connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy, start: Model, keys: dict[str, bool], on: date
) -> Model:
    """Estimate u from all pairs of a fixed sample and m by expectation maximisation inside single blocks.

    A level that training cannot see, or sees as speaking the wrong way, keeps its shipped share.
    """
    size = int(policy.limit("max_training_records"))
    connection.execute(
        f"""
        create or replace temp table training_sample as
        select * from scoring_input order by md5(coalesce(name_key, '') || record_id), record_id limit {size}
        """
    )
    u = _chance_agreement(connection, policy)
    estimates: dict[str, list[tuple[float, dict[str, float]]]] = {}
    sessions = {"block_same_phone": "phone", "block_same_name_birthday": "name birthday", "block_same_email": "email"}
    for name, trains in keys.items():
        if not trains:
            continue
        for field, shares in _estimate(connection, policy, start, keys, name).items():
            if field not in sessions.get(name, "").split():
                estimates.setdefault(field, []).append((1.0, shares))
    connection.execute("drop table training_sample")
    m = {
        field: _sane(start.m[field], _mean([s for _, s in estimates[field]])) if field in estimates else start.m[field]
        for field in _COMPARED
    }
    # Chance agreement on a number or mailbox is far below what a sample of pairs can show.
    u = {f: start.u[f] if f in ("phone", "email") else _sane(start.u[f], u.get(f, {})) for f in _COMPARED}
    records = _count(connection, "scoring_input")
    prior = min(0.01, 2 * policy.limit("duplicates_per_record") / max(records - 1, 1))
    signature = connection.execute("select md5(string_agg(md5(name_key), '' order by record_id)) from scoring_input")
    row = signature.fetchone()
    provenance = {
        "trained_on": on.isoformat(),
        "records": records,
        "records_signature": row[0] if row else None,
        "policy_signature": hashlib.md5(repr(policy).encode(), usedforsecurity=False).hexdigest(),
        "splink": _version("splink"),
        "duckdb": duckdb.__version__,
    }
    return Model(prior, m, u, "trained", provenance)


def _chance_agreement(connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy) -> dict[str, dict[str, float]]:
    """Estimate u: how often each level is reached by any two records of the fixed sample.

    Splink's own estimate samples pairs anew each time and works every level out again for each; here all
    pairs of the sample are compared once, so the same records give the same shares.
    """
    levels = field_levels(policy)
    compared = ", ".join(f"{levels[field]} as {field}" for field in _COMPARED)
    connection.execute(
        f"""
        create or replace temp table chance_pairs as
        select {compared}
        from training_sample as l inner join training_sample as r on l.record_id < r.record_id
        """
    )
    shares: dict[str, dict[str, float]] = {}
    for field in _COMPARED:
        counts = connection.execute(
            f"select {field}, count(*) from chance_pairs where {field} <> 'unknown' group by 1 order by 1"
        ).fetchall()
        total = sum(n for _, n in counts)
        merged = {other: name for (f, name), others in _SAME_LEVEL.items() if f == field for other in others}
        shares[field] = {}
        for level, n in counts:
            name = merged.get(level, level)
            shares[field][name] = shares[field].get(name, 0.0) + n / total
    connection.execute("drop table chance_pairs")
    return shares


def _estimate(
    connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy, start: Model, keys: dict[str, bool], block: str
) -> dict[str, dict[str, float]]:
    """Estimate m by expectation maximisation inside the blocks of one rule."""
    from splink.internals.exceptions import EMTrainingException

    database = DuckDBAPI(connection, output_schema="identity_work")
    linker = Linker(database.register("scoring_input"), _settings(policy, start, keys), log_level=logging.ERROR)
    try:
        linker.training.estimate_parameters_using_expectation_maximisation(
            f"l.{identifier(block)} = r.{identifier(block)}", estimate_without_term_frequencies=True
        )
    except EMTrainingException:
        return {}
    learned: dict[str, dict[str, float]] = {}
    for comparison in linker.misc.save_model_to_json()["comparisons"]:
        shares = {
            entry["label_for_charts"]: entry.get("m_probability")
            for entry in comparison["comparison_levels"]
            if not entry.get("is_null_level")
        }
        learned[comparison["output_column_name"]] = {k: v for k, v in shares.items() if isinstance(v, float)}
    return learned


def _mean(shares: list[dict[str, float]]) -> dict[str, float]:
    names = {n for s in shares for n in s}
    return {n: sum(s[n] for s in shares if n in s) / sum(1 for s in shares if n in s) for n in names}


def _sane(shipped: dict[str, float], learned: dict[str, float]) -> dict[str, float]:
    """Keep learned shares within a factor of ten of the shipped ones, and let them sum to one."""
    kept = {name: min(max(learned.get(name, share), share / 10), share * 10, 0.9999) for name, share in shipped.items()}
    total = sum(kept.values())
    return {name: round(value / total, 8) for name, value in kept.items()}


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    row = connection.execute(f"select count(*) from {table}").fetchone()
    return int(row[0]) if row else 0


def _version(package: str) -> str:
    from importlib.metadata import version

    return version(package)

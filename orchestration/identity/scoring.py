"""How likely two records are one person when no shared identifier settles it: Fellegi and Sunter's match weights.

What belongs here: the blocking rules at work, the model artefact (shipped, or trained on purpose and applied
unchanged), the scored pairs. What does not: estimating a model (`training.py`), which scores make a link
(`clustering.py`).

The terms and the arithmetic are Splink's. Splink itself works a level's SQL out anew for every level of a
comparison; here each pair is compared once, field by field, and the weights are looked up.
"""

import json
from dataclasses import dataclass
from math import log2
from pathlib import Path
from typing import Any

import duckdb

from orchestration.database import identifier
from orchestration.errors import UserError
from orchestration.identity.blocking_keys import joined
from orchestration.identity.comparison import compare_pairs
from orchestration.identity.policy import IdentityPolicy

MODEL_FORMAT = 2
COMPARED = ("name", "birthday", "phone", "email", "address", "id_card", "gender")
"""The comparisons that carry a weight."""


@dataclass(frozen=True)
class Model:
    """Shares of matches (m) and non-matches (u) per comparison and level, the prior, and where they come from.

    `pairs_per_record` is the number of true pairs per record: the chance that two random records match follows
    from it and from how many records there are, so that one model serves small and large files.
    """

    pairs_per_record: float
    m: dict[str, dict[str, float]]
    u: dict[str, dict[str, float]]
    origin: str
    provenance: dict[str, Any]

    def prior(self, records: int) -> float:
        """The probability that two random records of so many match."""
        return min(0.5, 2 * self.pairs_per_record / max(records - 1, 1))


def default_model(policy: IdentityPolicy) -> Model:
    """Return the shipped model of `comparison_levels.csv`."""
    m: dict[str, dict[str, float]] = {}
    u: dict[str, dict[str, float]] = {}
    for level in policy.levels:
        m.setdefault(level.comparison, {})[level.level] = level.m
        u.setdefault(level.comparison, {})[level.level] = level.u
    missing = [name for name in COMPARED if name not in m]
    if missing:
        raise UserError(f"comparison_levels.csv has no level in force for {', '.join(missing)}: restore its rows.")
    return Model(policy.limit("duplicates_per_record"), m, u, "shipped", {})


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
                "move the file away to use the shipped model, and train a new one when you wish."
            )
        model = Model(content["pairs_per_record"], content["m"], content["u"], "trained", content["provenance"])
        for shares in (model.m, model.u):
            for comparison in COMPARED:
                if not all(0 < share <= 1 for share in shares[comparison].values()):
                    raise ValueError(comparison)
        model.prior(int(model.pairs_per_record) + 2)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"The identity model {path} cannot be read ({type(error).__name__}): "
            "restore it from a backup, or move it away to use the shipped model."
        ) from error
    return model


def save_model(model: Model, path: Path) -> None:
    """Write a model with its provenance, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {
        "format": MODEL_FORMAT,
        "pairs_per_record": model.pairs_per_record,
        "m": model.m,
        "u": model.u,
        "provenance": model.provenance,
    }
    aside = path.with_suffix(".part")
    aside.write_text(json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
    aside.replace(path)


def current_model(policy: IdentityPolicy, path: Path) -> Model:
    """Return the model that was trained on purpose and saved at `path`; the shipped one where there is none."""
    return read_model(path) if path.exists() else default_model(policy)


def score_pairs(connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy, model_path: Path) -> Model:
    """Score the pairs that the blocking rules find among `subjects`; return the model that was used.

    Writes temporary table `scored_pairs` (`l, r, match_weight, match_probability`), one row per pair at or
    above `review_probability`. The same records and the same model give the same scores.
    """
    connection.execute(
        "create or replace temp table scored_pairs "
        "(l integer, r integer, match_weight double, match_probability double)"
    )
    model = current_model(policy, model_path)
    records = write_candidates(connection, policy)
    if records > policy.limit("max_records_to_score"):
        return model
    compare_pairs(connection, policy, "candidate_pairs", "candidate_levels")
    _write_frequencies(connection, policy)
    connection.execute(
        f"""
        create or replace temp table candidate_weights as
            select e.l, e.r, e.contradicted, {_weight_sql(model)} as weight
            from candidate_levels as e
            inner join subjects as s on s.record_id = e.l
            left join name_frequencies as f
                on f.kind_and_value = case e.name
                    when 'same' then 'name|' || s.name_key when 'same_sound' then 'sound|' || s.sound_key
                end
        """
    )
    prior = _fitted_prior(connection, policy, model, records)
    connection.execute(
        """
        insert into scored_pairs
        select l, r, round(weight, 6), round(1 - 1 / (1 + pow(2, least(weight, 60))), 8)
        from (select l, r, weight + $prior_weight as weight from candidate_weights)
        where weight >= log2($review / (1 - $review))
        order by l, r
        """,
        {"prior_weight": _log_odds(prior), "review": policy.limit("review_probability")},
    )
    for table in ("candidate_pairs", "candidate_levels", "candidate_weights", "name_frequencies"):
        connection.execute(f"drop table {table}")
    return model


def write_candidates(connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy) -> int:
    """Write temporary table `candidate_pairs` (`l, r`): the pairs of `subjects` that share a block.

    A block larger than its rule allows is left out. Returns the number of records worth scoring.
    """
    keys = {rule.name: identifier("block_" + rule.name) for rule in policy.blocking_rules}
    expressions = "".join(f", {joined(r.keys)} as {keys[r.name]}" for r in policy.blocking_rules)
    connection.execute(
        f"""
        create or replace temp table scoring_keys as
        select record_id{expressions}
        from subjects
        where
            name_key is not null or email is not null
            or (name_kind = 'latin' and coalesce(surname, given_name) is not null)
            or (birthday is not null and coalesce(phone, road, surname) is not null)
        """
    )
    connection.execute("create or replace temp table candidate_pairs (l integer, r integer)")
    pairs = " union ".join(
        f"""
        select l.record_id as l, r.record_id as r
        from scoring_keys as l
        inner join scoring_keys as r on l.{key} = r.{key} and l.record_id < r.record_id
        where l.{key} in (
            select {key} from scoring_keys where {key} is not null
            group by {key} having count(*) between 2 and {rule.max_block_size}
        )
        """
        for rule, key in ((rule, keys[rule.name]) for rule in policy.blocking_rules)
    )
    if pairs:
        connection.execute(f"insert into candidate_pairs {pairs}")
    row = connection.execute("select count(*) from scoring_keys").fetchone()
    connection.execute("drop table scoring_keys")
    return int(row[0]) if row else 0


def _fitted_prior(connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy, model: Model, records: int) -> float:
    """The probability that two random records match, from the records at hand.

    How often people are registered twice is a property of the file and not of the model: with m and u as they
    are, the expected number of matches is found by repetition, between the model's share of pairs per record and
    the most that `max_duplicates_per_record` allows. The same records give the same number.
    """
    pairs = model.pairs_per_record
    most = max(pairs, policy.limit("max_duplicates_per_record"))
    for _ in range(int(policy.limit("prior_rounds"))):
        prior = min(0.5, 2 * pairs / max(records - 1, 1))
        row = connection.execute(
            "select coalesce(sum(1 / (1 + pow(2, -greatest(least(weight + ?, 60), -60)))), 0) "
            "from candidate_weights where not contradicted",
            [_log_odds(prior)],
        ).fetchone()
        found = round(float(row[0]) / records, 4) if row and records else 0.0
        pairs = min(max(found, model.pairs_per_record), most)
    return min(0.5, 2 * pairs / max(records - 1, 1))


def _write_frequencies(connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy) -> None:
    """Write `name_frequencies` (`kind_and_value, share`): the share of people who bear a name, or one that sounds so.

    A person's own duplicates do not make a name common: of records with one name those count that differ in
    birthday, scaled to the records without one.
    """
    parts = " union all ".join(
        f"""
        select '{kind}' as kind, {column} as value,
            case
                when count(birthday) > 0 then count(*) * count(distinct birthday) / count(birthday)
                else count(distinct coalesce(phone, email, address_key, record_id::varchar))
            end as people
        from subjects
        where {column} is not null
        group by {column}
        """
        for kind, column in (("name", "name_key"), ("sound", "sound_key"))
    )
    connection.execute(
        f"""
        create or replace temp table name_frequencies as
        select kind || '|' || value as kind_and_value,
            greatest(people / sum(people) over (partition by kind), $least) as share
        from ({parts})
        """,
        {"least": policy.limit("least_name_share")},
    )


def _weight_sql(model: Model) -> str:
    """SQL for the sum of the match weights of the levels in `e`, names by their frequency in `f`."""
    terms = []
    for comparison in COMPARED:
        cases = []
        for level, m in model.m[comparison].items():
            u = f"{model.u[comparison][level]!r}"
            if comparison == "name" and level in ("same", "same_sound"):
                u = f"coalesce(f.share, {u})"
            cases.append(f"when '{level}' then log2({m!r} / {u})")
        terms.append(f"case e.{comparison} {' '.join(cases)} else 0 end")
    return " + ".join(terms)


def _log_odds(probability: float) -> float:
    return log2(probability / (1 - probability))

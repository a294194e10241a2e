"""How likely two records are one person when no shared identifier settles it: Fellegi and Sunter's match weights.

What belongs here: the blocking rules at work, the model artefact (shipped, or trained on purpose and applied
unchanged), the scored pairs. What does not: estimating a model (`training.py`), which scores make a link
(`clustering.py`).

The terms and the arithmetic are Splink's. Splink itself works a level's SQL out anew for every level of a
comparison; here each pair is compared once, field by field, and the weights are looked up.
"""

import json
from dataclasses import dataclass, field, replace
from math import ceil, inf
from pathlib import Path
from typing import Any

import duckdb

from orchestration.database import hash_of, identifier, literal
from orchestration.errors import UserError
from orchestration.files import write_whole
from orchestration.identity.blocking_keys import joined
from orchestration.identity.calibration import Calibration, log_odds
from orchestration.identity.kept_pairs import compare_known
from orchestration.identity.match_weights import COMPARED, weight_sql
from orchestration.identity.name_shares import write_name_shares
from orchestration.identity.policy import BlockingRule, IdentityPolicy
from orchestration.identity.promising import write_promising

MODEL_FORMAT = 4
MATCH_WEIGHT = "weight + $duplicates - log2(1 + pow(2, least(relatives + $relatives, 900)))"
"""SQL over what `weigh_levels` writes, with the odds of a calibration: the log odds of one person."""

_TOWN_LEVELS = ("same_city", "elsewhere_in_city")
_MOST_OF_A_TOWN = 0.9


@dataclass(frozen=True)
class Model:
    """Shares of matches (m), strangers (u) and relatives per level, the priors, how common names are.

    A pair is one person, two relatives or two strangers, and is weighed by all three: what relatives share, a door, a
    number, a surname, is no evidence for one person.

    Everything that a score needs stands in it and stands still, so that a pair weighs the same from run to run and
    whatever else arrives. `priors` are the probability that two random records are one person, by the number of
    records up to which it holds: the shipped model has one for each order of magnitude, a trained one the one it
    was trained with. `names` and `sounds` are shares of people by `name_key` and `sound_key`, as far as training
    counted them; `unlisted` is the most that a name missing there can have.
    """

    priors: tuple[tuple[float, float], ...]
    m: dict[str, dict[str, float]]
    u: dict[str, dict[str, float]]
    relatives: dict[str, dict[str, float]]
    origin: str
    provenance: dict[str, Any]
    names: dict[str, float] = field(default_factory=dict)
    sounds: dict[str, float] = field(default_factory=dict)
    unlisted: float = 1.0

    def prior(self, records: int) -> float:
        """The probability that two random records of so many match."""
        return next((prior for up_to, prior in self.priors if records <= up_to), self.priors[-1][1])


def default_model(policy: IdentityPolicy) -> Model:
    """Return the shipped model of `comparison_levels.csv` and `match_priors.csv`."""
    m: dict[str, dict[str, float]] = {}
    u: dict[str, dict[str, float]] = {}
    relatives: dict[str, dict[str, float]] = {}
    for level in policy.levels:
        m.setdefault(level.comparison, {})[level.level] = level.m
        u.setdefault(level.comparison, {})[level.level] = level.u
        relatives.setdefault(level.comparison, {})[level.level] = level.relatives
    missing = [name for name in COMPARED if name not in m]
    if missing:
        raise UserError(f"comparison_levels.csv has no level in force for {', '.join(missing)}: restore its rows.")
    if not policy.priors:
        raise UserError("match_priors.csv has no row in force: restore its rows.")
    return Model(policy.priors, m, u, relatives, "shipped", {})


def model_file(warehouse: Path) -> Path:
    """Where a model trained on purpose lies; without it the shipped one is in force."""
    return warehouse / "identity" / "model.json"


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
        prior, unlisted = float(content["prior"]), float(content["unlisted_name_share"])
        names, sounds = content["name_shares"], content["sound_shares"]
        model = Model(
            ((inf, prior),),
            content["m"],
            content["u"],
            content["relatives"],
            "trained",
            content["provenance"],
            names,
            sounds,
            unlisted,
        )
        shares = [kind[c] for kind in (model.m, model.u, model.relatives) for c in COMPARED] + [names, sounds]
        for values in (*(s.values() for s in shares), (unlisted,)):
            if not all(0 < share <= 1 for share in values):
                raise ValueError("a share is not between 0 and 1")
        if not 0 < prior < 1:
            raise ValueError("the prior is not between 0 and 1")
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
        "prior": model.priors[0][1],
        "m": model.m,
        "u": model.u,
        "relatives": model.relatives,
        "name_shares": model.names,
        "sound_shares": model.sounds,
        "unlisted_name_share": model.unlisted,
        "provenance": model.provenance,
    }
    write_whole(path, json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def current_model(policy: IdentityPolicy, path: Path) -> Model:
    """Return the model that was trained on purpose and saved at `path`; the shipped one where there is none."""
    return read_model(path) if path.exists() else default_model(policy)


@dataclass(frozen=True)
class Scored:
    """What scoring did: new pairs of the blocks, those compared in full, and those whose earlier score still holds."""

    found: int
    compared: int
    reused: int


def score_pairs(
    connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy, model: Model, calibration: Calibration
) -> Scored:
    """Score the pairs that the blocking rules find among `subjects`.

    Reads what `kept_pairs.recall` wrote: pairs of unchanged records are not compared again, those that scored high
    enough are taken over from it. Writes temporary table `scored_pairs` (`l, r, match_weight, match_probability`),
    one row per pair at or above `review_probability`, and adds to `known_levels` and `blocks_left_out`. The same
    records, model and calibration give the same scores.

    The weight is the log odds of one person against everything else: w1 - log2(1 + 2^w2), where w1 is the sum of
    log2(m/u) and the odds of one person against two strangers, and w2 that of two relatives against two strangers.
    """
    connection.execute(
        "create or replace temp table scored_pairs "
        "(l integer, r integer, match_weight double, match_probability double)"
    )
    if too_many_to_score(connection, policy):
        return Scored(0, 0, 0)
    write_candidates(connection, policy)
    write_name_shares(connection, policy, model.names, model.sounds, model.unlisted)
    calibration.fit_names(connection, model.u["name"]["same"])
    model = _near(connection, model, calibration)
    compared = 0
    if calibration.in_force() is None:
        compared, share = _weigh_some(connection, policy, model)
        odds = calibration.odds(connection, share)
    else:
        odds = calibration.odds(connection)
    least = log_odds(policy.limit("review_probability"))
    write_promising(connection, policy, model, least - odds.duplicates)
    compared += compare_known(connection, policy, "promising_pairs", "candidate_levels", remember=False)
    _weigh(connection, model, "candidate_levels", "candidate_weights")
    connection.execute(
        f"""
        insert into scored_pairs
        with weighed as (
            select l, r, {MATCH_WEIGHT} as weight
            from candidate_weights
            where not excluded
        )
        select l, r, round(weight, 6) as match_weight, round(1 - 1 / (1 + pow(2, least(weight, 60))), 8)
        from weighed
        where weight >= $least
        union all
        select l, r, match_weight, match_probability from candidates_known
        order by l, r
        """,
        {
            "duplicates": odds.duplicates,
            "relatives": odds.relatives,
            "least": least,
        },
    )
    connection.execute(
        """
        insert into known_levels by name
        select e.* from candidate_levels as e
        where
            exists (select 1 from scored_pairs as s where s.l = e.l and s.r = e.r)
            and not exists (select 1 from known_levels as k where k.l = e.l and k.r = e.r)
        """
    )
    found, reused = _count(connection, "candidate_pairs"), _count(connection, "candidates_known")
    for table in (
        "candidate_pairs", "promising_pairs", "candidate_levels", "candidate_weights", "candidates_known",
        "name_shares",
    ):  # fmt: skip
        connection.execute(f"drop table {table}")
    return Scored(found, compared, reused)


def _weigh_some(connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy, model: Model) -> tuple[int, float]:
    """Write `candidate_weights` of every so many-th candidate pair; return how many were compared, and their share.

    Which pairs these are follows from the record ids, so the same records give the same.
    """
    every = ceil(max(_count(connection, "candidate_pairs"), 1) / policy.limit("max_calibration_pairs"))
    connection.execute(
        "create or replace temp table some_pairs as "
        "select l, r from candidate_pairs where hash(l, r) % $every::ubigint = 0",
        {"every": every},
    )
    compared = compare_known(connection, policy, "some_pairs", "candidate_levels", remember=False)
    _weigh(connection, model, "candidate_levels", "candidate_weights")
    connection.execute("drop table some_pairs")
    return compared, 1 / every


def weigh_levels(
    connection: duckdb.DuckDBPyConnection,
    policy: IdentityPolicy,
    model: Model,
    calibration: Calibration,
    levels: str,
    into: str,
) -> None:
    """Write temporary table `into` (`l, r, excluded, weight, relatives`) from the compared pairs in `levels`.

    `weight` is the sum of log2(m/u) over the fields, `relatives` that of relatives over strangers; neither holds the
    odds before anything is compared. Writes temporary table `name_shares` too. Grain: one row per row of `levels`.
    """
    write_name_shares(connection, policy, model.names, model.sounds, model.unlisted)
    calibration.fit_names(connection, model.u["name"]["same"])
    _weigh(connection, _near(connection, model, calibration), levels, into)


def _near(connection: duckdb.DuckDBPyConnection, model: Model, calibration: Calibration) -> Model:
    """The model with the shares of one town as they are in this file.

    In a file of one town it is no sign of anything: two records of one person share it no less than strangers do.
    """
    u = model.u["address"]
    nearer = calibration.fit_towns(connection, sum(share for level, share in u.items() if level != "different"))
    towns = {level: min(u[level] * nearer, _MOST_OF_A_TOWN) for level in _TOWN_LEVELS if level in u}

    def no_less(shares: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
        address = shares["address"]
        return shares | {"address": address | {level: max(address[level], share) for level, share in towns.items()}}

    return replace(model, m=no_less(model.m), u=model.u | {"address": u | towns}, relatives=no_less(model.relatives))


def _weigh(connection: duckdb.DuckDBPyConnection, model: Model, levels: str, into: str) -> None:
    """Write temporary table `into` as `weigh_levels` does, with the `name_shares` as they are."""
    connection.execute(
        f"""
        create or replace temp table {into} as
        select
            e.l, e.r, e.excluded, {weight_sql(model.m, model.u)} as weight,
            {weight_sql(model.relatives, model.u)} as relatives
        from {levels} as e
        left join name_shares as ln on ln.record_id = e.l
        left join name_shares as rn on rn.record_id = e.r
        """
    )


def too_many_to_score(connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy) -> bool:
    """Say whether there are more records than a night allows to score."""
    return _count(connection, "subjects") > policy.limit("max_records_to_score")


def write_scoring_keys(connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy) -> int:
    """Write temporary table `scoring_keys`: records worth scoring, for each blocking rule the checksum of their block.

    Numbers cost less to group and join than texts.
    """
    expressions = "".join(f", {hash_of(joined(r.keys))} as {_column(r)}" for r in policy.blocking_rules)
    connection.execute(
        f"""
        create or replace temp table scoring_keys as
        select record_id{expressions}
        from subjects
        where not is_mention or name_key is not null
        """
    )
    return _count(connection, "scoring_keys")


def write_candidates(connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy) -> int:
    """Write temporary tables `candidate_pairs` (`l, r`) and `candidates_known` (with their scores).

    Both together are the pairs of `subjects` that share a block. A block larger than its rule allows is left out and
    noted in `blocks_left_out` (`rule, block`, a checksum). `candidate_pairs` are those with a new or changed record and
    those of blocks that were too large in the run before; `candidates_known` those that scored high enough then. What
    is in neither did not. Returns the number of records worth scoring.
    """
    records = write_scoring_keys(connection, policy)
    connection.execute(
        """
        create or replace temp table found_pairs (l integer, r integer);
        create or replace temp table newly_shut (record_id integer);
        create or replace temp table changed_keys as
        select * from scoring_keys where record_id in (select record_id from changed_records);
        create or replace temp table scored_before as
        select l, r, match_weight, match_probability from known_levels where match_weight is not null
        """
    )
    everything = _count(connection, "changed_keys") == records
    for rule in policy.blocking_rules:
        _candidates_of(connection, rule, everything=everything)
    _find_shut_out(connection, policy)
    connection.execute(
        """
        create or replace temp table candidates_known as
        select s.* from scored_before as s anti join shut_out using (l, r);
        create or replace temp table candidate_pairs as
        select distinct l, r from found_pairs as f
        where not exists (select 1 from candidates_known as k where k.l = f.l and k.r = f.r);
        """
    )
    for table in (
        "found_pairs",
        "newly_shut",
        "shut_out",
        "scored_before",
        "changed_keys",
        "blocks",
        "looked_at",
        "scoring_keys",
    ):
        connection.execute(f"drop table if exists {table}")
    return records


def _candidates_of(connection: duckdb.DuckDBPyConnection, rule: BlockingRule, *, everything: bool) -> None:
    """Add the pairs of one blocking rule to `found_pairs`, its large blocks to the noted ones.

    Where not everything is new, only blocks with a new or changed record and those that were too large are looked at:
    any other has lost records or none.
    """
    key = _column(rule)
    values = {"rule": rule.name, "largest": rule.max_block_size}
    looked_at = f"""
        and {key} in (
            select {key} from changed_keys
            union all
            select {key} from scoring_keys where {key} in (select block from closed_blocks where rule = $rule)
        )
    """
    connection.execute(
        f"""
        create or replace temp table blocks as
        select {key} as block, count(*) as records from scoring_keys
        where {key} is not null {"" if everything else looked_at} group by {key} having count(*) >= 2
        """,
        {} if everything else {"rule": rule.name},
    )
    grown = "records > $largest and block not in (select block from closed_blocks where rule = $rule)"
    if connection.execute(f"select 1 from blocks where {grown} limit 1", values).fetchone():
        connection.execute(
            "insert into newly_shut select record_id from scoring_keys "
            f"where {key} in (select block from blocks where {grown})",
            values,
        )
    connection.execute("insert into blocks_left_out select $rule, block from blocks where records > $largest", values)
    if everything:
        connection.execute(
            f"""
            insert into found_pairs
            with members as (
                select k.record_id, k.{key} as block from scoring_keys as k
                inner join blocks as b on b.block = k.{key} and b.records <= $largest
            )
            select l.record_id, r.record_id
            from members as l inner join members as r on l.block = r.block and l.record_id < r.record_id
            """,
            {"largest": rule.max_block_size},
        )
        return
    connection.execute(
        f"""
        insert into found_pairs
        with open_blocks as (select block from blocks where records <= $largest),
        reopened as (
            select block from open_blocks
            where block in (select block from closed_blocks where rule = $rule)
        ),
        seeds as (
            select record_id, {key} as block from changed_keys where {key} in (select block from open_blocks)
            union
            select record_id, {key} from scoring_keys where {key} in (select block from reopened)
        )
        select least(s.record_id, k.record_id), greatest(s.record_id, k.record_id)
        from seeds as s inner join scoring_keys as k on k.{key} = s.block and k.record_id <> s.record_id
        """,
        values,
    )


def _find_shut_out(connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy) -> None:
    """Write temporary table `shut_out` (`l, r`): pairs of `scored_before` whose every block has become too large.

    Their records did not change, so that can be said only of records in `newly_shut` blocks.
    """
    rules = ", ".join(literal(r.name) for r in policy.blocking_rules)
    shared = ", ".join(f"case when l.{c} = r.{c} then l.{c} end" for c in map(_column, policy.blocking_rules))
    connection.execute(
        f"""
        create or replace temp table shut_out as
        with at_risk as (
            select l, r from scored_before
            where l in (select record_id from newly_shut) and r in (select record_id from newly_shut)
        ),
        shared as (
            select s.l, s.r, unnest([{rules}]::varchar[]) as rule, unnest([{shared}]::ubigint[]) as block
            from at_risk as s
            inner join scoring_keys as l on l.record_id = s.l
            inner join scoring_keys as r on r.record_id = s.r
        ),
        still_blocked as (select l, r from shared anti join blocks_left_out using (rule, block) where block is not null)
        select l, r from at_risk anti join still_blocked using (l, r)
        """
    )


def _column(rule: BlockingRule) -> str:
    return identifier("block_" + rule.name)


def _count(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    row = connection.execute(f"select count(*) from {table}").fetchone()
    return int(row[0]) if row else 0

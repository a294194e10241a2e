"""Estimating a model from the records at hand, on purpose: `train` is called by a person and by no refresh.

What belongs here: the shares of non-matches from pairs of a fixed sample, the shares of matches by expectation
maximisation over the pairs that blocking finds, and the provenance of both. What does not: applying a model
(`scoring.py`).
"""

import hashlib
from dataclasses import replace
from datetime import date
from importlib.metadata import version
from math import inf
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from orchestration.as_of import business_day
from orchestration.database import table_exists
from orchestration.errors import UserError
from orchestration.identity.comparison import compare_pairs
from orchestration.identity.deterministic import describe_subjects
from orchestration.identity.kept_pairs import know_nothing
from orchestration.identity.match_weights import COMPARED
from orchestration.identity.policy import IdentityPolicy, load_policy
from orchestration.identity.records import register_policy
from orchestration.identity.scoring import Model, default_model, model_file, save_model, write_candidates
from orchestration.progress import Progress, silent
from orchestration.settings import Settings

Floats = npt.NDArray[np.float64]
Shares = dict[str, dict[str, float]]


def train(
    connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy, on: date, progress: Progress = silent
) -> Model:
    """Estimate a model from `subjects`; the same records give the same model.

    u is counted over all pairs of a fixed sample of records. m and the number of matches come from expectation
    maximisation over the pairs in the blocks, whose levels are counted once; they start from the shipped model. A
    level keeps at least a tenth and at most ten times its shipped share: what training cannot see, or sees wrong
    because a block is made of the field, stays with the shipped model.

    Raises:
        UserError: there are fewer records than `min_records_to_train`.
    """
    shipped = default_model(policy)
    progress("choosing pairs to compare", 0.2)
    records = write_candidates(connection, policy)
    least = int(policy.limit("min_records_to_train"))
    if records < least:
        raise UserError(
            f"Training needs {least} person records with something to compare, here are {records}: "
            "keep the shipped model, or lower min_records_to_train in identity_limits.csv."
        )
    progress("counting what strangers share", 0.35)
    u = _bounded(shipped.u, _chance_shares(connection, policy))
    progress("comparing pairs", 0.5)
    compare_pairs(connection, policy, "candidate_pairs", "candidate_levels")
    progress("estimating", 0.85)
    patterns = connection.execute(
        f"select {', '.join(COMPARED)}, count(*) from candidate_levels where not excluded group by all order by all"
    ).fetchall()
    start = policy.limit("duplicates_per_record")
    m, matches, rounds = _maximise(patterns, shipped, u, start, records, int(policy.limit("training_rounds")))
    for table in ("candidate_pairs", "candidate_levels"):
        connection.execute(f"drop table {table}")
    pairs_per_record = min(max(matches / records, start / 10), policy.limit("max_duplicates_per_record"))
    names, sounds, unlisted = _name_shares(connection, policy)
    signature = connection.execute(
        "select md5(string_agg(md5(concat_ws('|', name_key, birthday, phone, email)), '' order by record_id)) "
        "from subjects"
    ).fetchone()
    provenance: dict[str, Any] = {
        "trained_on": on.isoformat(),
        "records": records,
        "pairs": int(sum(p[-1] for p in patterns)),
        "expected_matches": round(matches, 1),
        "rounds": rounds,
        "records_signature": signature[0] if signature else None,
        "policy_signature": hashlib.sha256(repr(policy).encode()).hexdigest(),
        "customer360": version("customer360"),
        "duckdb": duckdb.__version__,
    }
    prior = float(f"{min(0.5, 2 * pairs_per_record / max(records - 1, 1)):.6g}")
    return Model(((inf, prior),), m, u, shipped.relatives, "trained", provenance, names, sounds, unlisted)


def _chance_shares(connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy) -> Shares:
    """Count how often each level is reached by two records of a fixed sample."""
    size = int(policy.limit("max_training_records"))
    connection.execute(
        f"""
        create or replace temp table chance_sample as
        select record_id from subjects where name_key is not null or email is not null or phone is not null
        order by md5(coalesce(name_key, '') || record_id), record_id limit {size};
        create or replace temp table chance_pairs as
        select l.record_id as l, r.record_id as r
        from chance_sample as l inner join chance_sample as r on l.record_id < r.record_id
        """
    )
    compare_pairs(connection, policy, "chance_pairs", "chance_levels")
    shares: Shares = {}
    for comparison in COMPARED:
        counts = connection.execute(
            f"select {comparison}, count(*) from chance_levels where {comparison} <> 'unknown' group by 1 order by 1"
        ).fetchall()
        total = sum(n for _, n in counts)
        shares[comparison] = {level: n / total for level, n in counts}
    for table in ("chance_sample", "chance_pairs", "chance_levels"):
        connection.execute(f"drop table {table}")
    return shares


def _name_shares(
    connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy
) -> tuple[dict[str, float], dict[str, float], float]:
    """Share of people by name and by sound, for names of at least `min_bearers_to_learn`; and the most any other has.

    A person's own duplicates do not make a name common: of records with one name those count that differ in
    birthday, scaled to the records without one. Rarer names are left out: they would name single people.
    """
    least = policy.limit("min_bearers_to_learn")
    found: list[dict[str, float]] = []
    unlisted = 1.0
    for column in ("name_key", "sound_key"):
        rows = connection.execute(
            f"""
            with bearers as (
                select
                    {column} as value,
                    case
                        when count(birthday) > 0 then count(*) * count(distinct birthday) / count(birthday)
                        else count(distinct coalesce(phone, email, address_key, record_id::varchar))
                    end as people
                from subjects
                where {column} is not null
                group by {column}
            ),
            everyone as (select sum(people) as people from bearers)
            select b.value, b.people / e.people, $least / e.people
            from bearers as b, everyone as e
            where b.people >= $least
            order by b.value
            """,
            {"least": least},
        ).fetchall()
        found.append({value: float(f"{share:.4g}") for value, share, _ in rows})
        if rows and column == "name_key":
            unlisted = float(f"{min(1.0, rows[0][2]):.4g}")
    return found[0], found[1], unlisted


def _maximise(
    patterns: list[tuple[Any, ...]], shipped: Model, u: Shares, start: float, records: int, rounds: int
) -> tuple[Shares, float, int]:
    """Repeat expectation and maximisation over the counted patterns of levels until they settle.

    `start` is the number of matches per record to begin with.
    Returns the shares of matches, the expected number of matches and the rounds it took.
    """
    counts: Floats = np.array([p[-1] for p in patterns], dtype=np.float64)
    m = {c: dict(levels) for c, levels in shipped.m.items()}
    matches = start * records
    taken = 0
    for taken in range(1, rounds + 1):  # noqa: B007 - told to the caller
        prior = min(0.5, 2 * matches / max(records * (records - 1), 1))
        weight = np.full(len(patterns), np.log(prior / (1 - prior)))
        for position, comparison in enumerate(COMPARED):
            of_level = {level: np.log(m[comparison][level] / u[comparison][level]) for level in m[comparison]}
            weight += np.array([of_level.get(p[position], 0.0) for p in patterns])
        probability: Floats = counts / (1 + np.exp(-np.clip(weight, -60, 60)))
        learned: Shares = {}
        for position, comparison in enumerate(COMPARED):
            seen: dict[str, float] = {}
            for pattern, share in zip(patterns, probability, strict=True):
                if pattern[position] in m[comparison]:
                    seen[pattern[position]] = seen.get(pattern[position], 0.0) + float(share)
            total = sum(seen.values())
            learned[comparison] = {level: n / total for level, n in seen.items()} if total > 0 else {}
        found = float(probability.sum())
        settled = abs(found - matches) < 0.0005 * max(matches, 1.0)
        m, matches = _bounded(shipped.m, learned), found
        if settled:
            break
    return m, matches, taken


def _bounded(shipped: Shares, learned: Shares) -> Shares:
    """Keep learned shares within a factor of ten of the shipped ones, and let each comparison sum to one."""
    bounded: Shares = {}
    for comparison, levels in shipped.items():
        seen = learned.get(comparison, {})
        kept = {
            level: min(max(seen.get(level, share), share / 10), share * 10, 0.99999) if seen else share
            for level, share in levels.items()
        }
        total = sum(kept.values())
        bounded[comparison] = {level: round(value / total, 9) for level, value in kept.items()}
    return bounded


def train_model(
    connection: duckdb.DuckDBPyConnection,
    settings: Settings,
    by: str,
    why: str,
    path: Path | None = None,
    progress: Progress = silent,
) -> Model:
    """Train on `identity.records` as they stand and save the model with who trained it and why.

    Without a path it is put in force: it lies in `<warehouse>/identity/model.json`, beside the ledger of ids, outlives
    the working database, and the next refresh applies it. With one it is only written there, to be compared first.
    `progress` hears of each step before it begins.

    Raises:
        UserError: nothing was resolved yet, or there are too few records.
    """
    if not table_exists(connection, "identity", "records"):
        raise UserError(f"The warehouse {settings.warehouse} holds no person records yet. Next: c360 refresh")
    as_of = business_day(settings)
    policy = load_policy(settings.policy_dir, as_of)
    register_policy(connection, policy)
    progress("describing the records", 0.0)
    describe_subjects(connection, policy)
    know_nothing(connection)
    trained = train(connection, policy, as_of, progress)
    model = replace(trained, provenance={"trained_by": by, "why": why, **trained.provenance})
    if path is not None:
        save_model(model, path)
        return model
    save_model(model, model_file(settings.warehouse))
    (settings.warehouse / "identity" / "calibration.json").unlink(missing_ok=True)
    return model

"""The stage in four steps: records, links, ids, golden record. What a run calls, and nothing else.

What belongs here: the order of the steps and what each reports. What does not: how any of them works.
"""

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import duckdb

from orchestration.as_of import business_day
from orchestration.errors import UserError
from orchestration.identity import standing
from orchestration.identity.calibration import Calibration
from orchestration.identity.clustering import cluster_records
from orchestration.identity.customer_ids import assign_customer_ids, rules_signature
from orchestration.identity.decisions import bind, decisions_file, known_by, read_decisions
from orchestration.identity.deterministic import link_by_identifiers
from orchestration.identity.golden import build_customers
from orchestration.identity.households import build_households, load_household_rules
from orchestration.identity.kept_pairs import fingerprints, fingerprints_file, forget, keep, recall
from orchestration.identity.kept_subjects import refresh_subjects
from orchestration.identity.learned_blocks import write_learned_blocks
from orchestration.identity.policy import IdentityPolicy, load_policy
from orchestration.identity.recipes import Built
from orchestration.identity.records import build_records, register_policy
from orchestration.identity.scoring import current_model, model_file, score_pairs, too_many_to_score
from orchestration.identity.self_check import expected_quality
from orchestration.settings import Settings

Report = dict[str, Any]
"""What a step has to tell: counts, rates and seconds; never personal data."""


def make_records(connection: duckdb.DuckDBPyConnection, settings: Settings) -> Report:
    """Write `identity.records` and `identity.mentions`; report their numbers."""
    policy = _policy(connection, settings)
    return _timed(lambda: _count_records(connection, build_records(connection, policy)))


def make_links(connection: duckdb.DuckDBPyConnection, settings: Settings) -> Report:
    """Write `identity.links`, `.clusters`, `.review_queue` and `.learned_blocks`; report links by rule.

    Where nothing that decides them changed since the last run, its links stand and its report is told again.
    """
    policy = _policy(connection, settings)
    ledger = settings.warehouse / "identity"
    decisions = known_by(read_decisions(decisions_file(settings.warehouse)), settings.known_on)
    files = (model_file(settings.warehouse), ledger / "calibration.json", fingerprints_file(ledger))

    def work() -> Report:
        told = standing.standing(connection, standing.all_that_decides(connection, policy, files, decisions))
        if told is not None:
            unchanged = {"records_unchanged": told["records_compared"], "pairs_in_blocks": 0, "pairs_compared": 0}
            made = {"subjects_due": 0, "scored_pairs_reused": 0}
            return {**told, "comparison": "incremental", "full_because": "", **unchanged, **made}
        standing.forget(connection)
        bonds = bind(connection, decisions)
        described = refresh_subjects(connection, policy)
        model = current_model(policy, model_file(settings.warehouse))
        records = _count_subjects(connection)
        calibration = Calibration(policy, ledger / "calibration.json", model.prior(records), records)
        known = recall(connection, ledger, fingerprints(policy, model, calibration))
        compared = link_by_identifiers(connection, policy)
        scored = score_pairs(connection, policy, model, calibration)
        counts = cluster_records(connection, policy, calibrated=calibration.enough)
        if too_many_to_score(connection, policy):
            forget(ledger)
        else:
            # The first run has found its calibration only now.
            prints = fingerprints(policy, model, calibration)
            keep(connection, ledger, prints)
        rules = connection.execute("select rule, count(*) from identity.links group by rule order by rule").fetchall()
        pending = connection.execute("select count(*) from identity.review_queue").fetchone()
        report = {
            **counts,
            "links_by_rule": dict(rules),
            "pairs_to_review": pending[0] if pending else 0,
            "decisions": dict(Counter(o.status for o in bonds.outcomes)),
            "learned_blocks": write_learned_blocks(connection, policy),
            **expected_quality(connection),
            "model": model.origin,
            "comparison": "full" if known.full else "incremental",
            "full_because": known.why,
            "records_compared": known.records,
            "subjects_due": described,
            "records_unchanged": known.records_unchanged,
            "pairs_in_blocks": scored.found,
            "pairs_compared": compared + scored.compared,
            "scored_pairs_reused": scored.reused,
        }
        standing.note(connection, standing.all_that_decides(connection, policy, files, decisions), report)
        connection.execute("drop view temp.subjects")
        return report

    return _timed(work)


def make_customer_ids(connection: duckdb.DuckDBPyConnection, settings: Settings) -> Report:
    """Write `identity.customer_xref` and `identity.id_history`; report customers, unlinked records and changes."""
    policy = _policy(connection, settings)
    ledger, as_of = settings.warehouse / "identity", business_day(settings)
    rules = rules_signature(policy, model_file(settings.warehouse))
    return _timed(lambda: dict(assign_customer_ids(connection, ledger, as_of, policy, rules)))


def make_customers(connection: duckdb.DuckDBPyConnection, settings: Settings) -> Report:
    """Write `identity.customers`; report how complete the golden record is."""
    policy = _policy(connection, settings)

    def work() -> Report:
        built = build_customers(connection, policy)
        filled = connection.execute(
            "select avg((name is not null)::int), avg((phone is not null)::int), avg((gender is not null)::int), "
            "avg((birthday is not null)::int) from identity.customers"
        ).fetchone()
        shares = dict(zip(("name", "phone", "gender", "birthday"), filled or (), strict=False))
        return {
            "customers": built.rows,
            "golden_records_due": built.due,
            "full_because": built.full_because,
            **{f"share_with_{k}": round(v or 0.0, 4) for k, v in shares.items()},
        }

    return _timed(work)


def make_households(connection: duckdb.DuckDBPyConnection, settings: Settings) -> Report:
    """Write `identity.households`; report their number and the largest."""
    policy = _policy(connection, settings)
    rules = load_household_rules(settings.policy_dir, business_day(settings))
    return _timed(lambda: dict(build_households(connection, policy, rules)))


def resolve(connection: duckdb.DuckDBPyConnection, settings: Settings) -> Report:
    """Run the whole stage; the report of each step under its name."""
    return {
        "records": make_records(connection, settings),
        "links": make_links(connection, settings),
        "customer_xref": make_customer_ids(connection, settings),
        "customers": make_customers(connection, settings),
        "households": make_households(connection, settings),
    }


def _policy(connection: duckdb.DuckDBPyConnection, settings: Settings) -> IdentityPolicy:
    policy = load_policy(settings.policy_dir, business_day(settings))
    if not policy.limits:
        raise UserError("identity_limits.csv holds no row that is in force on the business day: check valid_from.")
    register_policy(connection, policy)
    return policy


def _count_subjects(connection: duckdb.DuckDBPyConnection) -> int:
    row = connection.execute("select count(*) from subjects").fetchone()
    return int(row[0]) if row else 0


def _count_records(connection: duckdb.DuckDBPyConnection, built: Built) -> Report:
    row = connection.execute(
        "select count(*) filter (where inferred), count(*) filter (where source in "
        "('pos.members', 'ecommerce.customers')), (select count(*) from identity.mentions) from identity.records"
    ).fetchone()
    inferred, people, mentions = row if row else (0, 0, 0)
    return {
        "records": built.rows,
        "records_due": built.due,
        "full_because": built.full_because,
        "members_and_accounts": people,
        "inferred": inferred,
        "mentioning_rows": mentions,
    }


def _timed(work: Callable[[], Report]) -> Report:
    started = time.perf_counter()
    report = work()
    return {**report, "seconds": round(time.perf_counter() - started, 2)}

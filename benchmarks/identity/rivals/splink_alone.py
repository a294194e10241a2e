# /// script
# requires-python = ">=3.11"
# dependencies = ["splink>=5,<6", "duckdb==1.5.5", "pyarrow>=20"]
# ///
"""Splink as its tutorial sets it up: its ready-made comparisons, u by sampling, m by expectation maximisation.

A level that no match of a small file reaches is halved round by round until Splink refuses the number; then fewer
rounds are asked for, by its own setting `max_iterations`.
"""

import logging

import duckdb
import splink.comparison_library as cl
from common import run
from splink import DuckDBAPI, Linker, SettingsCreator, block_on

logging.getLogger("splink").setLevel(logging.ERROR)


ROUNDS = (25, 10, 5)


def resolve(table):
    """Train, predict and cluster, with fewer rounds of training where Splink cannot finish the usual number."""
    for rounds in ROUNDS:
        try:
            return train_and_predict(table, rounds)
        except ValueError as error:
            if "below the minimum" not in str(error) or rounds == ROUNDS[-1]:
                raise
    return {}


def train_and_predict(table, rounds):
    """Train by so many rounds, predict and cluster."""
    con = duckdb.connect()
    con.register("delivered", table)
    con.execute("create table people as select * from delivered")
    filled = {
        c: con.execute(f"select count({c}) > 0.05 * count(*) from people").fetchone()[0]
        for c in ("phone", "email", "birthday", "city", "address", "gender", "id_card")
    }
    ready = [
        cl.JaroWinklerAtThresholds("given_name", [0.9, 0.7]).configure(term_frequency_adjustments=True),
        cl.JaroWinklerAtThresholds("surname", [0.9, 0.7]).configure(term_frequency_adjustments=True),
    ]
    if filled["birthday"]:
        ready.append(cl.DateOfBirthComparison("birthday", input_is_string=True))
    if filled["email"]:
        ready.append(cl.EmailComparison("email"))
    if filled["phone"]:
        ready.append(cl.LevenshteinAtThresholds("phone", [1, 2]))
    if filled["address"]:
        ready.append(cl.JaroWinklerAtThresholds("address", [0.9, 0.7]))
    if filled["city"]:
        ready.append(cl.ExactMatch("city").configure(term_frequency_adjustments=True))
    if filled["id_card"]:
        ready.append(cl.DamerauLevenshteinAtThresholds("id_card", [1, 2]))
    rules = [block_on("given_name", "surname"), block_on("surname", "city")]
    if filled["birthday"]:
        rules.append(block_on("birthday"))
    if filled["email"]:
        rules.append(block_on("email"))
    if filled["phone"]:
        rules.append(block_on("phone"))
    if filled["id_card"]:
        rules.append(block_on("id_card"))
    settings = SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="id",
        comparisons=ready,
        blocking_rules_to_generate_predictions=rules,
        max_iterations=rounds,
    )
    api = DuckDBAPI(con)
    linker = Linker(api.register("people"), settings, log_level=logging.ERROR)
    sure = (
        [block_on("given_name", "surname", "birthday")] if filled["birthday"] else [block_on("given_name", "surname")]
    )
    if filled["email"]:
        sure.append(block_on("email"))
    if filled["phone"]:
        sure.append(block_on("phone"))
    if filled["id_card"]:
        sure.append(block_on("id_card"))
    linker.training.estimate_probability_two_random_records_match(sure, recall=0.7)
    linker.training.estimate_u_using_random_sampling(max_pairs=2e6, seed=1)
    sessions = [block_on("given_name", "surname")]
    sessions.append(block_on("birthday") if filled["birthday"] else block_on("phone"))
    for rule in sessions:
        linker.training.estimate_parameters_using_expectation_maximisation(rule)
    predictions = linker.inference.predict(threshold_match_probability=0.5)
    found = linker.clustering.cluster_pairwise_predictions_at_threshold(predictions, threshold_match_probability=0.9)
    return dict(con.execute(f"select id, cluster_id from {found.physical_name}").fetchall())


run(resolve)

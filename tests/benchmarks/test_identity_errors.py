"""The table of errors counts what the measures count, and says how much of it nobody could have known."""

import json
from pathlib import Path

import pytest

from benchmarks.identity.error_pages import SetErrors, write_errors
from benchmarks.identity.errors import CLASSES, explain_errors
from benchmarks.identity.measures import quality
from benchmarks.identity.ours import PEOPLE
from benchmarks.identity.pipeline import assignments, ingest_and_clean, run_identity
from benchmarks.identity.sets import END, generated
from orchestration import database
from orchestration.settings import Settings


@pytest.mark.slow
def test_every_wrong_pair_is_in_one_class_and_the_page_shows_it(tmp_path: Path) -> None:
    found = generated(tmp_path, "noisy", 7, 400)
    settings = Settings(landing=found.landing, warehouse=tmp_path / "warehouse", as_of=END)
    ingest_and_clean(settings)
    run_identity(settings)
    with database.connect(settings) as connection:
        measured = quality(assignments(connection, str(found.truth), PEOPLE))
        errors = explain_errors(connection, settings, str(found.truth))
    missed, false = (sum(c["pairs"] for c in errors[kind]) for kind in ("missed", "false"))
    right = errors["true_pairs"] - missed
    assert missed > 0
    assert measured.recall == pytest.approx(right / errors["true_pairs"])
    assert measured.precision == pytest.approx(right / (right + false))
    assert {c["class"] for kind in ("missed", "false") for c in errors[kind]} <= set(CLASSES)
    at_best = errors["at_best"]
    nothing = sum(c["pairs"] for c in errors["missed"] if c["class"] == "nothing")
    assert measured.recall <= at_best["something"]["recall"] + nothing / errors["true_pairs"]
    assert at_best["more_than_a_name"]["recall"] <= at_best["something"]["recall"] < 1
    write_errors([SetErrors(found.name, measured, errors)], tmp_path)
    page = (tmp_path / "errors.md").read_text(encoding="utf-8")
    assert f"Missed doubles: {missed} pairs" in page
    assert json.loads((tmp_path / "errors.json").read_text(encoding="utf-8"))[0]["missed"] == errors["missed"]

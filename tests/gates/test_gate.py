import csv
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path

import duckdb
import pytest

from data_quality.gx_runner import run_suite
from data_quality.suite import load_suites
from orchestration import database
from orchestration.errors import WarehouseBusyError
from orchestration.gates.gate import check_stage
from orchestration.gates.store import append_results, refusals, tally, what_blocks
from orchestration.settings import Settings

CASES = list(csv.DictReader((Path(__file__).parents[1] / "cases" / "gate_faults.csv").open(encoding="utf-8")))
STAGES = ("raw", "clean", "identity", "marts")
AS_OF = date(2026, 6, 30)


def check(settings: Settings, stage: str, run_id: str = "run1") -> dict:
    return {r.check: r for r in check_stage(settings, load_suites()[stage], run_id, as_of=AS_OF)}


def test_every_gate_passes_on_a_sound_warehouse(settings: Settings):
    found = [r for stage in STAGES for r in check(settings, stage).values()]
    assert [r for r in found if not r.passed] == []
    assert len(found) >= 25


@pytest.mark.parametrize("case", CASES, ids=[f"{c['check']}: {c['why']}" for c in CASES])
def test_each_fault_is_counted_by_the_check_named_for_it(settings: Settings, change: Callable[[str], None], case: dict):
    change(case["change"])
    suite = load_suites()[case["stage"]]
    alone = suite.model_copy(update={"expectations": [e for e in suite.expectations if e.name == case["check"]]})
    (found,) = run_suite(settings.database, alone, database.engine_config(settings), as_of=AS_OF)
    assert (found.passed, found.unexpected_rows) == (int(case["rows"]) == 0, int(case["rows"])), found.observed


def test_every_check_has_a_fault_that_breaks_it():
    named = {(c["stage"], c["check"]) for c in CASES if int(c["rows"]) > 0}
    assert named == {(s, e.name) for s in STAGES for e in load_suites()[s].expectations}


def test_results_are_kept_with_reason_owner_and_masked_examples(settings: Settings, change: Callable[[str], None]):
    change("update clean.pos_members set member_id = '13812345678', record_key = '13812345678'")
    check(settings, "identity")
    with database.connect(settings) as con:
        rows = con.execute(
            "select run_id, stage, table_name, severity, passed, unexpected_rows, examples, owner, why, seconds > 0 "
            "from quality.check_results where check_name = 'every_source_record_is_in_the_crosswalk'"
        ).fetchall()
    (row,) = rows
    assert row[:6] == ("run1", "identity", "identity.customer_xref", "error", False, 1)
    assert row[6] == ["source=pos.members, record_key=13*******78"]
    assert row[7] == "team:data-engineering"
    assert row[8].startswith("A record outside the crosswalk")
    assert row[9]


def test_a_gate_run_again_in_the_same_run_replaces_its_results(settings: Settings):
    check(settings, "raw")
    check(settings, "raw")
    check(settings, "raw", run_id="run2")
    with database.connect(settings) as con:
        counted = con.execute("select run_id, count(*) from quality.check_results group by all order by all").fetchall()
    assert counted == [("run1", 6), ("run2", 6)]


def test_a_missing_table_fails_its_checks_and_no_others(settings: Settings, change: Callable[[str], None]):
    change("drop table identity.id_history")
    found = check(settings, "identity")
    broken = {name for name, r in found.items() if r.unexpected_rows == -1}
    assert broken == {"no_merged_customer_is_still_there", "every_old_id_leads_to_another"}
    assert found["every_old_id_leads_to_another"].observed == "the table identity.id_history is missing"


def test_publication_is_refused_until_every_blocking_check_has_run_and_passed(
    settings: Settings, change: Callable[[str], None]
):
    suites = [load_suites()[s] for s in STAGES]
    blocking = {e.name for s in suites for e in s.expectations if e.severity == "error"}
    with database.connect(settings) as con:
        assert {r.check for r in refusals(con, suites)} == blocking
    change("update raw.files set sha256 = null")
    for stage in STAGES:
        check(settings, stage)
    with database.connect(settings) as con:
        assert [(r.stage, r.check) for r in refusals(con, suites)] == [("raw", "every_file_read_has_a_checksum")]
    change("update raw.files set sha256 = 'ab'")
    check(settings, "raw", run_id="run2")
    with database.connect(settings) as con:
        assert refusals(con, suites) == []


def test_what_blocks_is_told_with_rows_examples_reason_and_owner(settings: Settings, change: Callable[[str], None]):
    check(settings, "raw")
    change("update raw.files set sha256 = null where dataset = 'members'")
    check(settings, "raw", run_id="run2")
    with database.connect(settings) as con:
        (told,) = what_blocks(con)
    assert told.startswith(
        "every_file_read_has_a_checksum on raw.files: 1 row (file=pos/2026-06-29/members.csv). Without it nobody"
    )
    assert told.endswith("Owner: team:data-engineering")


def test_the_gate_leaves_the_database_free_for_the_next_step(settings: Settings):
    check(settings, "raw")
    with duckdb.connect(str(settings.database)) as con:
        con.execute("create table quality.next_step as select 1 as one")
        assert con.execute("select one from quality.next_step").fetchall() == [(1,)]


def test_a_warehouse_that_another_process_holds_is_named_as_such(settings: Settings):
    import subprocess
    import sys

    program = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); sys.stdin.read()"
    holder = subprocess.Popen(
        [sys.executable, "-c", program, str(settings.database)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(WarehouseBusyError, match=str(holder.pid)):
            check(settings, "raw")
    finally:
        holder.communicate()


def test_the_result_written_last_counts_also_when_the_clock_was_set_back(settings: Settings):
    suite = load_suites()["marts"]
    name = next(e.name for e in suite.expectations if e.severity == "error")
    good = list(check(settings, "marts").values())
    bad = [replace(result, passed=result.check != name) for result in good]
    with database.connect(settings) as con:
        before = refusals(con, [suite])
        summer_time, an_hour_less = datetime(2026, 10, 25, 2, 50), datetime(2026, 10, 25, 2, 10)  # noqa: DTZ001
        for run, moment, results in (("one", summer_time, good), ("two", an_hour_less, bad)):
            append_results(con, run_id=run, stage="marts", checked_at=moment, results=results)
        assert before == []
        assert [refusal.check for refusal in refusals(con, [suite])] == [name]
        assert tally(con, [suite])[1] == 1

"""Whatever happens between nights, the last one leaves what a fresh warehouse would hold: every row of every table.

A walk draws with its seed in which order the changes of `changing_world.py` come, and deals all of them to its nights;
those after which everything is due to the first half of them, so that the others keep rows. Each says whether it did.
It is no hypothesis test: a step costs half a minute, so shrinking would cost hours, and every kind of change should
come in every walk instead of some by luck. To look longer, or closer:

    python -m pytest -m slow tests/pipeline/test_nights_equal_a_rebuild.py -s
        --walk-seed 7 --walk-seed 8     other walks
        --walk-nights 8                 the changes spread over more nights
        --walk-compare each             compared after every night, to find the one that went wrong
        --walk-only policy_edit,restore only some changes

Ids are given once and kept (`docs/identity.md`), so the fresh warehouse starts from the ids that were given before the
last night; what people decided goes along, everything else is made anew.
"""

import random
import resource
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import duckdb
import pytest

from orchestration.database import table_exists
from orchestration.gates.conservation import BEFORE_TO_AFTER_MERGE
from tests.pipeline.changing_world import CHANGES, EVERYTHING_DUE, ChangingWorld, run_in
from tests.same_content import ONLY_IN_FIRST, Difference, NotCompared, differences

Change = Callable[[ChangingWorld], str]
SEEDS, NIGHTS = (1,), 4
# Ids, what people said about them, and what was calibrated once: no run can find them out from deliveries.
LEDGER = ("*.parquet", "*.csv", "rules.json", "calibration.json", "model.json")
DATABASE, PUBLISHED = "warehouse.duckdb", "serving/current/c360.duckdb"
OF_THE_RUN: Mapping[str, NotCompared] = {
    "quality.check_results": NotCompared(rows="true"),
    # Merges are counted against the version before, which a fresh warehouse has not; nor the checks of earlier runs.
    "quality.conservation": NotCompared(
        rows=f"hop = '{BEFORE_TO_AFTER_MERGE}' or dataset in ('quality.check_results', 'quality.conservation')"
    ),
    "quality.delivery_files": NotCompared(columns=frozenset({"ingested_at"})),
    "raw.files": NotCompared(columns=frozenset({"ingested_at"})),
    # A note of when the files were read.
    "clean.cleaned_deliveries": NotCompared(columns=frozenset({"signature"})),
    # What was told of the run that made the links.
    "identity.links_decided_by": NotCompared(columns=frozenset({"told"})),
    # What was due in this run, and what was counted for it alone; the tables that keep its rows are compared.
    "increment.run": NotCompared(rows="true"),
    "increment.customers_due": NotCompared(rows="true"),
    "increment.days": NotCompared(columns=frozenset({"due"})),
    "intermediate.int_customers_moved": NotCompared(rows="true"),
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    metafunc.parametrize("seed", metafunc.config.getoption("walk_seed") or SEEDS)


def copy_ledger(warehouse: Path, target: Path) -> None:
    """Copy ids and decisions, and nothing that a run keeps to be faster."""
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for pattern in LEDGER:
        for path in (warehouse / "identity").glob(pattern):
            shutil.copy2(path, target / path.name)


def night(world: ChangingWorld, ledger: Path) -> int:
    """Refresh; gives the exit status: 0, or 3 where a gate kept readers at what they had."""
    world.keep_what_was_delivered()
    copy_ledger(world.warehouse, ledger)
    before, started = cpu_seconds(), time.monotonic()
    done = world.refresh()
    assert done.returncode in (0, 3), f"{done.returncode}: {done.stdout[-1000:]}{done.stderr[-3000:]}"
    kept = "keeps rows" if keeps_rows(world.warehouse) else "builds everything"
    spent = f"{cpu_seconds() - before:.0f} CPU s in {time.monotonic() - started:.0f} s"
    log(f"  ended with {done.returncode}, {kept}: {spent}")
    return done.returncode


def keeps_rows(warehouse: Path) -> bool:
    """Whether the last models that were built kept rows of before; a gate may have stopped every run ahead of them."""
    with duckdb.connect(str(warehouse / DATABASE), read_only=True) as connection:
        built = table_exists(connection, "increment", "run")
        return built and bool(connection.execute("select bool_and(keeps) from increment.run").fetchall()[0][0])


def deal(deck: list[Change], nights: int) -> list[list[Change]]:
    """The changes of each night, dealt in turn."""
    dealt: list[list[Change]] = [[] for _ in range(nights)]
    for place, change in enumerate(deck):
        among = (nights + 1) // 2 if change in EVERYTHING_DUE else nights
        # The night after another zone is in the old one again, and builds everything too.
        dealt[0 if change is ChangingWorld.other_zone else place % among].append(change)
    if ChangingWorld.restore in dealt[0] and nights > 1:
        # There would be nothing to go back to.
        dealt[0].remove(ChangingWorld.restore)
        dealt[1].append(ChangingWorld.restore)
    # What a restored backup does not know is done after it.
    return [sorted(changes, key=lambda change: change is not ChangingWorld.restore) for changes in dealt]


def log(line: str) -> None:
    """One line of what happened on a walk; pytest shows it when the walk fails."""
    print(line)  # noqa: T201


def cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def against_a_rebuild(world: ChangingWorld, ledger: Path, fresh: Path, ended: int) -> list[Difference]:
    """Refresh a fresh warehouse from all that raw remembers, and compare what both hold."""
    shutil.rmtree(fresh, ignore_errors=True)
    world.remembered(fresh / "landing")
    shutil.copytree(ledger, fresh / "warehouse" / "identity")
    for kept in ("decisions", "quarantine"):
        if (world.warehouse / kept).exists():
            shutil.copytree(world.warehouse / kept, fresh / "warehouse" / kept)
    where = ("--landing", fresh / "landing", "--warehouse", fresh / "warehouse")
    done = run_in(
        world.checkout,
        "-c",
        "from orchestration.cli import main; main()",
        "refresh",
        *where,
        *world.options,
        environment=world.environment,
    )
    assert done.returncode == ended, f"{done.returncode}: {done.stdout[-1000:]}{done.stderr[-3000:]}"
    found = differences(
        world.warehouse / DATABASE, fresh / "warehouse" / DATABASE, views=False, not_compared=OF_THE_RUN
    )
    if ended != 0:
        # A gate stopped both: what is made behind it is left from the night before, and was never made in the other.
        return [difference for difference in found if difference.what != ONLY_IN_FIRST]
    one, other = (warehouse / PUBLISHED for warehouse in (world.warehouse, fresh / "warehouse"))
    published = differences(one, other, views=True, not_compared=OF_THE_RUN)
    return found + [Difference(f"published {difference.table}", difference.what) for difference in published]


@pytest.mark.slow
def test_nights_in_any_order_leave_what_a_rebuild_leaves(
    tmp_path: Path, seed: int, request: pytest.FixtureRequest
) -> None:
    options = request.config.option
    chance = random.Random(seed)  # noqa: S311 - a walk, not a secret
    world, ledger = ChangingWorld(tmp_path / "world", chance), tmp_path / "ledger"
    only = (options.walk_only or "").split(",")
    deck = [change for change in CHANGES if change.__name__ in only or not options.walk_only]
    assert deck, f"No change is named so: {options.walk_only}"
    chance.shuffle(deck)
    log(f"\nwalk {seed}: the first night")
    ended = night(world, ledger)
    assert ended == 0, "a gate blocks the world before anything happened to it"
    world.back_up()
    nights = deal(deck, options.walk_nights or NIGHTS)
    for number, changes in enumerate(nights):
        world.options, world.environment = (), {}
        for change in (*changes, ChangingWorld.new_rows):
            log(f"walk {seed}, night {number + 1}: {change(world)}")
        ended = night(world, ledger)
        if options.walk_compare == "each" or number + 1 == len(nights):
            found = against_a_rebuild(world, ledger, tmp_path / "fresh", ended)
            assert not found, f"walk {seed}, night {number + 1}:\n" + "\n".join(map(str, found))

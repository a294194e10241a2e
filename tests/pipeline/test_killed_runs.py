"""`kill -9` at moments chosen by a seed, in every stage: the next run gives what an undisturbed one gives.

Kills come in chains, the latest stage first, so that no killed run mends what the one before it left; the run after the
last kill has to mend all of it.
"""

import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest

ROOT = Path(__file__).parents[2]
SEED = 20261122
POINTS_PER_STAGE, CHAINS = 2, 3
# The steps of a refresh by how they begin, in the order in which they run.
STAGES = {
    "ingestion": ("raw",),
    "cleaning": ("clean", "deliveries", "quality"),
    "identity": ("identity",),
    "models and valuation": ("purchases_for_valuation", "valuation"),
    "marts and gates": ("warehouse", "marts"),
    "publication": ("serving", "publi"),
}
# What tells one run from another, and nothing of what was delivered.
OF_THE_RUN = {"run_id", "checked_at", "ingested_at", "recorded_at", "built_at", "started_at", "ended_at", "seconds"}


@dataclass(frozen=True)
class Kill:
    """Where a run is killed: `delay` seconds after a numbered moment of a step."""

    step: str
    moment: int
    delay: float


def run(landing: Path, warehouse: Path, journal: Path, kill: Kill | None = None) -> "subprocess.CompletedProcess[str]":
    chosen = [kill.step, kill.moment, kill.delay] if kill else ["-", 0, 0]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("C360_", "DAGSTER_"))}
    command = [sys.executable, Path(__file__).with_name("run_until_killed.py"), journal, *chosen]
    command += ["refresh", "--landing", landing, "--warehouse", warehouse]
    return subprocess.run(
        [str(part) for part in command], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )


def published(warehouse: Path) -> dict[str, tuple[object, ...]]:
    """Rows and checksum of every published table, without what belongs to the run."""
    content: dict[str, tuple[object, ...]] = {}
    manifest = json.loads((warehouse / "serving" / "current" / "manifest.json").read_text(encoding="utf-8"))
    run_id = manifest["run_id"]
    with duckdb.connect(str(warehouse / "serving" / "current" / "c360.duckdb"), read_only=True) as con:
        columns = con.execute(
            "select table_schema || '.' || table_name, list(column_name) from information_schema.columns group by 1"
        ).fetchall()
        for table, names in columns:
            kept = ", ".join(f'"{name}"' for name in sorted(names) if name not in OF_THE_RUN)
            # A table that keeps what every run found also keeps what the killed ones found until then.
            of_run = f" where run_id = '{run_id}'" if "run_id" in names else ""
            row = con.execute(f"select count(*), sum(hash(row({kept}))::hugeint) from {table}{of_run}").fetchone()
            assert row is not None
            content[table] = row
    return content


def is_whole(warehouse: Path) -> bool:
    """Say whether the published file is, byte for byte, the one its manifest was sealed with, and balances."""
    current = warehouse / "serving" / "current"
    manifest = json.loads((current / "manifest.json").read_text(encoding="utf-8"))
    with duckdb.connect(str(current / "c360.duckdb"), read_only=True) as con:
        lost = con.execute(
            "select count(*) from quality.deliveries where rows_received <> rows_loaded + rows_superseded "
            "+ rows_repeated + rows_quarantined or amount_received <> amount_loaded + amount_superseded "
            "+ amount_repeated + amount_quarantined"
        ).fetchone()
    digest = hashlib.sha256((current / "c360.duckdb").read_bytes()).hexdigest()
    return lost == (0,) and digest == manifest["sha256"]


def stage_of(step: str) -> int:
    """The place of a step's stage in the pipeline."""
    (place,) = [n for n, starts in enumerate(STAGES.values()) if step.startswith(starts)] or [-1]
    return place


def choose(journal: Path) -> list[list[Kill]]:
    """Points drawn with the seed over every stage, dealt into chains that go from the last stage to the first."""
    draw = random.Random(SEED)  # noqa: S311 - points, not secrets
    moments = Counter(journal.read_text(encoding="utf-8").split())
    chains: list[list[Kill]] = [[] for _ in range(CHAINS)]
    dealt = 0
    for place in reversed(range(len(STAGES))):
        steps = sorted(step for step in moments if stage_of(step) == place)
        assert steps, f"No step of stage {list(STAGES)[place]} among {sorted(moments)}"
        for _ in range(POINTS_PER_STAGE):
            step = draw.choices(steps, [moments[s] for s in steps])[0]
            chains[dealt % CHAINS].append(Kill(step, draw.randint(1, moments[step]), round(draw.random() / 5, 3)))
            dealt += 1
    return chains


@pytest.mark.slow
def test_after_any_kill_the_next_run_publishes_what_an_undisturbed_one_does(tmp_path: Path) -> None:
    landing, warehouse, before = tmp_path / "landing", tmp_path / "warehouse", tmp_path / "before"
    journal = tmp_path / "journal"
    deliveries = ROOT / "seeds" / "extracts"
    shutil.copytree(deliveries, landing, ignore=shutil.ignore_patterns("2026-03-05"))
    assert run(landing, warehouse, journal).returncode == 0
    shutil.copytree(warehouse, before, symlinks=True)
    shutil.copytree(deliveries, landing, dirs_exist_ok=True)
    done = run(landing, warehouse, journal)
    assert done.returncode == 0, done.stderr[-2000:]
    expected, chains = published(warehouse), choose(journal)
    assert sum(map(len, chains)) >= 12
    for chain in chains:
        shutil.rmtree(warehouse)
        shutil.copytree(before, warehouse, symlinks=True)
        for kill in chain:
            killed = run(landing, warehouse, journal, kill)
            print(kill, killed.returncode)  # noqa: T201 - shown when the test fails
            assert killed.returncode == -9, (kill, killed.stderr[-2000:])
            assert is_whole(warehouse), kill
        after = run(landing, warehouse, journal)
        assert after.returncode == 0, (chain, after.stderr[-4000:])
        assert published(warehouse) == expected, chain
        assert is_whole(warehouse)

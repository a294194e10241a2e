"""Whatever a file holds, each of its rows is loaded, superseded, repeated or quarantined, or the file is, whole."""

import random
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_quality.contract import Contract, load_contracts
from orchestration.cleaning import ledger, quarantine
from orchestration.cleaning.tables import clean_table
from orchestration.database import connect
from orchestration.ingestion.discovery import shown
from orchestration.ingestion.ingest import record_unplaced
from orchestration.ingestion.raw_store import partition_dir, read_manifest, refresh_raw_views
from orchestration.settings import Settings
from tests.hostile.cases import tries
from tests.hostile.deliveries import MARK, Delivered, Marks, make_file
from tests.one_delivery import ingest_partition

DAYS = [date(2025, 3, 14), date(2025, 3, 15)]
FILES = 8


@pytest.fixture
def world(tmp_path: Path) -> Settings:
    return Settings(landing=tmp_path / "landing", warehouse=tmp_path / "warehouse", threads=1, _env_file=None)


@tries(2, 100)
@given(seed=st.integers(0, 2**32))
def test_no_row_of_any_file_is_lost(world: Settings, seed: int, tmp_path: Path) -> None:
    draw = random.Random(seed)  # noqa: S311 - cases, not secrets
    settings = world.model_copy(
        update={"landing": tmp_path / f"landing{seed}", "warehouse": tmp_path / f"warehouse{seed}"}
    )
    contract = draw.choice(sorted(load_contracts().values(), key=lambda c: c.table))
    marks, files = Marks(), {}
    for number in range(FILES):
        made = make_file(draw, contract, marks, number)
        folder = settings.landing / contract.source / str(draw.choice(DAYS))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / made.name).write_bytes(made.content)
        files[shown((contract.source, folder.name, made.name))] = made
    assert faults(settings, contract, files) == []


def faults(settings: Settings, contract: Contract, files: dict[str, Delivered]) -> list[str]:
    """Take everything in, look for each delivered row again, and say what is not as it should be."""
    for day in DAYS:
        ingest_partition(settings, contract, day)
    record_unplaced(settings)
    entries = {}
    for day in DAYS:
        entries |= read_manifest(partition_dir(settings, contract.source, contract.dataset, day)).files
    found_faults = [f"{name} is in one account only" for name in set(entries) ^ set(files)]
    with connect(settings) as con:
        refresh_raw_views(con, settings)
        clean_table(con, settings, contract)
        ledger.build(con)
        quarantine.build(con)
        found_faults += [f"the account does not balance: {line}" for line in ledger.unbalanced(con)]
        raw = con.execute(f"select _file, {contract.key[0]}, t::varchar from raw.{contract.table} as t").fetchall()
        stored = Counter(file for file, _, _ in raw)
        kept = {
            mark
            for (text,) in con.execute(f"select t::varchar from clean.{contract.table} as t").fetchall()
            for mark in MARK.findall(text)
        }
        kept |= {
            mark
            for (text,) in con.execute("select row_content::varchar from quality.quarantine").fetchall()
            for mark in MARK.findall(text)
        }
    for name in sorted(set(entries) & set(files)):
        file, entry = files[name], entries[name]
        if entry.status == "quarantined":
            if not entry.reason or not entry.message or stored[name]:
                found_faults.append(f"{name}: quarantined for {entry.reason} with {stored[name]} rows in raw")
            continue
        if stored[name] != entry.rows:
            found_faults.append(f"{name}: {stored[name]} rows in raw, {entry.rows} in its account")
        found = {mark for at, _, text in raw if at == name for mark in MARK.findall(text)}
        # Another row's text may hold a mark where damage joined two lines; a key that holds one is that row itself.
        keys = {mark for at, key, _ in raw if at == name for mark in MARK.findall(key or "")}
        if not keys <= kept:
            found_faults.append(f"{name}: rows of raw are neither loaded nor in quarantine")
        if file.intact or name.endswith((".csv", ".tsv", ".jsonl")):
            lost = delivered_marks(file) - found - set(MARK.findall(str(entry.columns_unknown)))
            found_faults += [f"{name} ({entry.encoding}): {mark} is lost" for mark in sorted(lost)]
    return found_faults


def delivered_marks(file: Delivered) -> set[str]:
    """The marks that can be read in the bytes of a text file."""
    if not file.name.endswith((".csv", ".tsv", ".jsonl")):
        return set()
    return set(MARK.findall(file.content.decode("latin-1")))

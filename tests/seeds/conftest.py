"""A small generated world, and a plain reader of landing zones that shares no code with the project's."""

import csv
import gzip
import io
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from python_calamine import CalamineWorkbook

from seeds.generate import WorldSummary, generate

Reader = Callable[[Path, str], list[dict[str, Any]]]
END = date(2026, 11, 20)


def _read(path: Path, encoding: str) -> list[dict[str, Any]]:
    if path.suffix == ".parquet":
        return pq.read_table(path).to_pylist()
    if path.suffix == ".xlsx":
        header, *rows = CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python(skip_empty_area=False)
        return [dict(zip(header, row, strict=True)) for row in rows]
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    text = data.decode(encoding)
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in text.splitlines()]
    return list(csv.DictReader(io.StringIO(text, newline=""), delimiter="\t" if path.suffix == ".tsv" else ","))


@pytest.fixture(scope="session")
def read_extract() -> Reader:
    return _read


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, WorldSummary]:
    """A default world of 1,500 people and 12,000 purchase lines in 8 deliveries."""
    landing = tmp_path_factory.mktemp("world") / "landing"
    return landing, generate(landing, people=1500, lines=12_000, days=8, seed=7, end=END, profile="noisy")


@pytest.fixture(scope="session")
def clean_world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, WorldSummary]:
    """The same size without a fault."""
    landing = tmp_path_factory.mktemp("clean") / "landing"
    return landing, generate(landing, people=3000, lines=30_000, days=3, seed=11, end=END, profile="clean")

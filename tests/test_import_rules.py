"""The two rules that keep the house in order: stages import only to their left, and few files know Dagster."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ORCHESTRATION = ROOT / "orchestration"
STAGES = [
    "ingestion",
    "cleaning",
    "identity",
    "valuation",
    "warehouse",
    "gates",
    "publication",
    "mirror",
    "dashboard",
    "explorer",
]
SHARED = {
    "settings",
    "errors",
    "database",
    "as_of",
    "files",
    "fingerprint",
    "increment",
    "partitions",
    "policy_rows",
    "policy_tables",
    "progress",
    "resources",
    "run_lock",
    "spreadsheet_cells",
}
KNOWS_DAGSTER = {
    "assets.py",
    "checks.py",
    "definitions.py",
    "event_storage.py",
    "jobs.py",
    "schedules.py",
    "sensors.py",
    "resources.py",
    "partitions.py",
}

STAGE_FILES = sorted(path for stage in STAGES for path in (ORCHESTRATION / stage).glob("**/*.py"))
ALL_FILES = sorted(
    path for room in ("orchestration", "data_quality", "seeds") for path in (ROOT / room).glob("**/*.py")
)


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_there_are_stages_to_check() -> None:
    assert {path.parent.name for path in STAGE_FILES} >= {
        "ingestion",
        "cleaning",
        "identity",
        "valuation",
        "gates",
        "publication",
    }


@pytest.mark.parametrize("path", STAGE_FILES, ids=name_of)
def test_a_stage_imports_only_stages_to_its_left(path: Path) -> None:
    stage = path.relative_to(ORCHESTRATION).parts[0]
    allowed = SHARED | set(STAGES[: STAGES.index(stage) + 1])
    used = {name.split(".")[1] for name in imports(path) if name.startswith("orchestration.")}
    assert used <= allowed, f"{name_of(path)} imports {sorted(used - allowed)}"


@pytest.mark.parametrize("path", ALL_FILES, ids=name_of)
def test_only_the_dagster_faces_import_dagster(path: Path) -> None:
    uses_dagster = any(name.split(".")[0] in {"dagster", "dagster_dbt"} for name in imports(path))
    assert not uses_dagster or (path.name in KNOWS_DAGSTER and path.is_relative_to(ORCHESTRATION))


@pytest.mark.parametrize("path", sorted((ROOT / "data_quality").glob("**/*.py")), ids=name_of)
def test_the_promises_know_nothing_of_what_runs_them(path: Path) -> None:
    assert not any(name.startswith("orchestration") for name in imports(path))

"""What a benchmark found, as files: the figures for programs and a page for people.

What belongs here: writing both, and going on from figures that were written before. What does not: what is measured.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_results(folder: Path, name: str, content: Mapping[str, Any], page: str) -> None:
    """Write `<name>.json` and `<name>.md` in place of those of an earlier call."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    (folder / f"{name}.md").write_text(page, encoding="utf-8")


def kept_runs(folder: Path, name: str, machine: dict[str, Any]) -> list[dict[str, Any]]:
    """The `runs` of `<name>.json`, where they were measured on the same machine; none where it was another one."""
    file = folder / f"{name}.json"
    if not file.exists():
        return []
    told = json.loads(file.read_text(encoding="utf-8"))
    runs: list[dict[str, Any]] = told["runs"] if told["machine"] == machine else []
    return runs

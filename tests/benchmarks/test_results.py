"""Figures that an earlier call wrote are gone on from, on the same machine alone."""

from pathlib import Path

from benchmarks.results import kept_runs, write_results


def test_runs_are_kept_for_the_same_machine_and_forgotten_on_another(tmp_path: Path) -> None:
    runs = [{"asked": 100, "seconds": 1.5}]
    write_results(tmp_path / "results", "refresh", {"machine": {"cpus": 2}, "runs": runs}, "# A page\n")
    assert kept_runs(tmp_path / "results", "refresh", {"cpus": 2}) == runs
    assert kept_runs(tmp_path / "results", "refresh", {"cpus": 4}) == []
    assert kept_runs(tmp_path, "refresh", {"cpus": 2}) == []
    assert (tmp_path / "results" / "refresh.md").read_text(encoding="utf-8") == "# A page\n"

"""Fixtures of what starts a run: a landing zone and warehouse of its own, named by the environment."""

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from orchestration.settings import Settings

Land = Callable[..., Path]

# The suite that gates a commit draws the same examples every time, so that it says something about the commit;
# `pytest --hypothesis-profile=explore` draws new ones.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("explore", deadline=None)
settings.load_profile("repeatable")


@pytest.fixture
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings of an empty landing zone and an empty warehouse, as schedule and sensor read them."""
    (tmp_path / "landing").mkdir()
    for name in ("C360_AS_OF", "C360_ENVIRONMENT", "C360_FIRST_DELIVERY", "C360_TIMEZONE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("C360_LANDING", str(tmp_path / "landing"))
    monkeypatch.setenv("C360_WAREHOUSE", str(tmp_path / "warehouse"))
    return Settings(_env_file=None)


@pytest.fixture
def land(own_settings: Settings) -> Land:
    """Put a small members file into the landing zone, by delivery date."""

    def put(day: str, rows: str = "M1,张三,13800000000\n", name: str = "members.csv") -> Path:
        path = own_settings.landing / "pos" / day / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("member_id,name,phone\n" + rows, encoding="utf-8")
        return path

    return put

import re
import shutil
from pathlib import Path

import pytest

from orchestration.errors import UserError
from orchestration.settings import PROJECT_ROOT
from orchestration.warehouse.kpi_files import OTHER_KPIS, SETTINGS, WINDOWED_KPIS, check_kpi_files


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    """A copy of the KPI policies, to spoil."""
    for name in ("kpi_definitions", "kpi_settings", "kpi_targets", "core_tiers", "tier_schemes", "service_targets"):
        shutil.copy(PROJECT_ROOT / "seeds" / "policy" / f"{name}.csv", tmp_path)
    return tmp_path


def test_every_kpi_and_setting_is_one_that_the_models_know() -> None:
    models = (PROJECT_ROOT / "models").rglob("int_kpi_*.sql")
    sql = "\n".join(path.read_text(encoding="utf-8") for path in models)
    words = set(re.findall(r"'(\w+)'", sql))
    assert {*WINDOWED_KPIS, *OTHER_KPIS, *SETTINGS} <= words


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("kpi_definitions", "\ncsat,", "\ncsta,", r"kpi_definitions\.csv, row 3: the KPI 'csta' is not counted"),
        ("kpi_definitions", "2000-01-01,90,", "2000-01-01,,", r"row 2: window_days is '': write a whole number"),
        ("kpi_definitions", "\ncsat,", "\nnps,", r"row 3: kpi 'nps', valid_from '2000-01-01' stands in row 2"),
        ("kpi_settings", "promoter_from,9", "promoter_from,90", r"row 2: promoter_from is '90': write a number from 1"),
        ("kpi_settings", "touch_days,30", "touch_days,30.5", r"touch_days is '30\.5': write a whole number of days"),
        ("kpi_settings", "top_share", "top_part", r"the setting 'top_part' is not one of"),
        ("kpi_targets", "\ncsat,", "\nsatisfaction,", r"row 4: the KPI 'satisfaction' is not counted by any model"),
        ("kpi_targets", "45,45,40,higher", "45,39,40,higher", r"row 2: yellow \(39\) must lie between target \(45\)"),
        ("kpi_targets", "45,45,40,higher", "45,46,40,higher", r"yellow \(46\) must lie between"),
        ("kpi_targets", "0.12,0.12,0.18,lower", "0.12,0.12,0.08,lower", r"red \(0\.08\), where lower is better"),
        ("kpi_targets", "45,45,40,higher", "45,,40,higher", r"row 2: target, yellow and red stand together"),
        ("kpi_targets", "40,higher,points", "40,upwards,points", r"row 2: the direction 'upwards' is not one of"),
        (
            "kpi_targets",
            "50,50,40,higher,points",
            "50,50,40,higher,share",
            r"row 3: unit is 'share', and 'points' in row 2",
        ),
        ("kpi_targets", '2027-01-01,"The second', '2000-01-01,"The second', r"row 3: kpi 'nps', .* stands in row 2"),
        ("kpi_targets", '2027-01-01,"The second', '2027-02-30,"The second', r"row 3: valid_from is '2027-02-30'"),
        (
            "kpi_targets",
            "nps,all,all,phase 1",
            "nps,all,gold,phase 1",
            r"row 2: dimension_value is 'gold' in dimension",
        ),
        ("kpi_targets", ',30,2000-01-01,"Below', ',soon,2000-01-01,"Below', r"due_days is 'soon': write a number"),
        ("core_tiers", "spend_tier,gold", "spend_tier,platinum", r"has no tier 'platinum' in scheme 'spend_tier'"),
    ],
)
def test_a_kpi_policy_that_tells_no_status_is_refused_with_its_row(
    policies: Path, file: str, old: str, new: str, message: str
) -> None:
    path = policies / f"{file}.csv"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(UserError, match=message):
        check_kpi_files(policies)


@pytest.mark.parametrize(
    ("file", "row_begins", "message"),
    [
        ("kpi_definitions", "csat,", r"kpi_definitions\.csv has no row for the KPI 'csat'"),
        ("kpi_targets", "csat,", r"kpi_targets\.csv has no row for the KPI 'csat'"),
        ("kpi_settings", "top_share,", r"has no row for the setting 'top_share'"),
        ("core_tiers", "spend_tier,", r"no row for the core tier of the official scheme 'spend_tier'"),
    ],
)
def test_a_row_that_is_missing_is_named(policies: Path, file: str, row_begins: str, message: str) -> None:
    path = policies / f"{file}.csv"
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith(row_begins)), encoding="utf-8")
    with pytest.raises(UserError, match=message):
        check_kpi_files(policies)

import re
import shutil
from pathlib import Path

import pytest

from orchestration.errors import UserError
from orchestration.settings import PROJECT_ROOT
from orchestration.warehouse.audience_files import TRIGGERS, check_audience_files

MODELS = PROJECT_ROOT / "models"


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    """A copy of the policies of audiences, to spoil; of other policies all that their columns' values stand in."""
    for path in (PROJECT_ROOT / "seeds" / "policy").glob("*.csv"):
        shutil.copy(path, tmp_path)
    return tmp_path


def test_every_trigger_is_one_that_the_models_know() -> None:
    sql = "\n".join(path.read_text(encoding="utf-8") for path in MODELS.glob("**/int_*.sql"))
    assert set(TRIGGERS) <= set(re.findall(r"'(\w+)'", sql))


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("audiences", ",cart_left,", ",cart_lost,", r"audiences\.csv, row 2: trigger is 'cart_lost': use one of"),
        ("audiences", "after_delay,24,hours", "sometime,24,hours", r"row 2: timing is 'sometime'"),
        ("audiences", "after_delay,24,hours", "after_delay,-1,hours", r"delay is -1: it cannot be below 0"),
        (
            "audiences",
            ",push,sms,2,7,",
            ",fax,sms,2,7,",
            r"row 2: channel is 'fax': use one of email, phone, push, sms",
        ),
        ("audiences", ",push,sms,2,7,", ",push,sms,2,,", r"cap and cap_days belong together"),
        ("audiences", "service_class,premium_new", "service_class,premium", r"'premium' is no tier of service_class"),
        ("audiences", "campaigns,0.10,0.05", "campaigns,1.00,0.05", r"holdout_share is 1\.00: write a share from 0"),
        ("audiences", ",customer_care,", ",nobody,", r"owner_role is 'nobody': use one of adviser, campaigns"),
        ("audiences", ",1 15,", ",1 32,", r"month_days holds '32': write numbers from 1 to 31"),
        ("audiences", "cart_coupon,", "cart_reminder,", r"row 3: cart_reminder, 2000-01-01 stands in row 2 already"),
        ("frequency_caps", "any,marketing,1,1", "any,marketing,0,1", r"frequency_caps\.csv, row 2: window_days is 0"),
        ("frequency_caps", "sms,any", "smoke,any", r"channel is 'smoke': use one of any, email"),
        ("contact_plan", "horizon_days,7", "horizon_days,0", r"horizon_days is 0: write a number from 1 to 31"),
        ("contact_plan", "interval_z,", "interval_zed,", r"setting is 'interval_zed': use one of"),
        ("contact_owners", "care_1,false,60", "care_1,false,-60", r"capacity_per_day is -60: 0 takes an owner out"),
        ("holdouts", "*,2026", "everybody,2026", r"holdouts\.csv, row 2: audience is 'everybody'"),
        ("points_rules", "purchase,,,,,1,,", "purchase,,,,,,,", r"points_per_yuan is empty: purchase needs a number"),
        ("points_rules", "birthday,,,membership,gold", "birthday,,,membership,platinum", r"'platinum' is no tier"),
        ("points_settings", "expiry_months,24", "expiry_months,0", r"expiry_months is 0: write a number from 1"),
    ],
)
def test_a_policy_that_makes_no_plan_is_refused_with_file_row_and_value(
    policies: Path, file: str, old: str, new: str, message: str
) -> None:
    path = policies / f"{file}.csv"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(UserError, match=message):
        check_audience_files(policies, MODELS)


def test_a_profile_audience_names_the_date_column_that_says_since_when(policies: Path) -> None:
    path = policies / "audiences.csv"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(",cart_left,,", ",profile,display_name,", 1), encoding="utf-8")
    with pytest.raises(UserError, match=r"row 2: since_column is 'display_name': use one of as_of, "):
        check_audience_files(policies, MODELS)
    path.write_text(text.replace(",cart_left,,", ",profile,spend_tier_since,", 1), encoding="utf-8")
    check_audience_files(policies, MODELS)

from datetime import date

import pytest

from orchestration.errors import UserError, WarehouseBusyError
from orchestration.explorer import reading
from orchestration.explorer.reading import Role
from orchestration.publication.versions import Version
from orchestration.run_lock import RunLock
from orchestration.settings import Settings

ANALYST, MANAGER = Role("analyst", False), Role("campaign_manager", True)


def found(settings: Settings, version: Version, role: Role, text: str) -> list[object]:
    return [row["customer_id"] for row in reading.find(settings, version, role, text).customers]


@pytest.mark.parametrize("text", ["13800000001", "zhang@example.cn", "张伟"])
def test_only_a_role_that_sees_contact_data_finds_by_it(own_settings: Settings, version: Version, text: str) -> None:
    assert found(own_settings, version, ANALYST, text) == []
    assert found(own_settings, version, MANAGER, text) == ["C1"]


@pytest.mark.parametrize("role", [ANALYST, MANAGER], ids=lambda role: role.name)
def test_every_role_finds_by_id_and_masked_value_and_sees_masked_ones(
    own_settings: Settings, version: Version, role: Role
) -> None:
    assert found(own_settings, version, role, "c2") == ["C2"]
    rows = reading.find(own_settings, version, role, "张*").customers
    assert [(row["display_name"], row["masked_phone"]) for row in rows] == [("张*", "138****0001")]


def test_while_a_run_works_published_values_are_searched_and_it_is_said(
    own_settings: Settings, version: Version
) -> None:
    with RunLock(own_settings):
        partial = reading.find(own_settings, version, MANAGER, "C1")
        assert (partial.is_partial, [row["customer_id"] for row in partial.customers]) == (True, ["C1"])
        assert not reading.find(own_settings, version, ANALYST, "C1").is_partial
        with pytest.raises(WarehouseBusyError):
            reading.export(own_settings, version, MANAGER, "cart_reminder", "csv")


def test_an_export_is_that_of_the_command_for_the_role(own_settings: Settings, version: Version) -> None:
    masked = reading.export(own_settings, version, ANALYST, "cart_reminder", "csv")
    assert (masked.manifest.role, masked.manifest.masked, masked.manifest.rows) == ("analyst", True, 3)
    assert "phone" not in masked.manifest.columns
    shown = reading.export(own_settings, version, MANAGER, "cart_reminder", "csv")
    assert (shown.manifest.masked, shown.manifest.rows_with_contact_data) == (False, 1)


def test_a_role_is_one_of_policy(own_settings: Settings, version: Version) -> None:
    assert reading.role_named(own_settings, "analyst", version) == ANALYST
    assert reading.role_named(own_settings, "campaign_manager", version) == MANAGER
    with pytest.raises(UserError, match="No role 'boss'"):
        reading.role_named(own_settings, "boss", version)


def test_tiers_stand_in_the_order_of_what_their_customers_spend(version: Version) -> None:
    tiers = reading.tiers(version)
    assert tiers.order["spend_tier"] == ["diamond", "gold", "silver"]
    assert tiers.labels["rfm", "loyal"] == "忠诚"
    assert tiers.official == "spend_tier"


def test_an_audience_is_counted_and_its_members_stand_by_priority(version: Version) -> None:
    assert reading.audiences(version) == [
        {"audience": "cart_reminder", "members": 3, "held_out": 1, "planned": 2, "may_contact": 2}
    ]
    assert reading.contact_statuses(version, "cart_reminder") == ["planned", "held_out"]
    members = reading.members(version, "cart_reminder", None, limit=2)
    assert [row["customer_id"] for row in members] == ["C2", "C1"]
    assert len(reading.members(version, "cart_reminder", "planned", limit=9)) == 2


def test_examples_have_the_most_on_record(version: Version) -> None:
    assert [row["customer_id"] for row in reading.examples(version)] == ["C1", "C2", "C3"]


def test_a_change_of_tier_is_told_once_newest_first() -> None:
    tiers = [None, "silver", "silver", "gold", "silver"]
    history = [{"month_end": date(2026, month, 28), "spend_tier": tier} for month, tier in enumerate(tiers, start=1)]
    changes = reading.tier_changes(history, {"spend_tier": "spend_tier"})
    assert [(change["month_end"].month, change["previous_tier"], change["tier"]) for change in changes] == [
        (5, "gold", "silver"),
        (4, "silver", "gold"),
    ]

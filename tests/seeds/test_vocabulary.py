"""The generator's data files say why, and hold together."""

import pytest

from data_quality.contract import load_contracts
from seeds.generator.vocabulary import load_profile, profile_names, read_rows


@pytest.mark.parametrize("name", ["profiles", "behaviour", "row_faults", "file_plan"])
def test_every_number_and_plan_has_a_reason(name: str) -> None:
    assert [r for r in read_rows(name) if not r["why"].strip()] == []


@pytest.mark.parametrize("name", profile_names())
def test_rates_are_shares(name: str) -> None:
    profile = load_profile(name)
    assert all(0 <= rate <= 1 for rate in profile.rates.values())
    for family in ("name_", "phone_"):
        exclusive = [
            r for k, r in profile.rates.items() if k.startswith(family) and k not in {"phone_old", "phone_of_household"}
        ]
        assert sum(exclusive) < 1


@pytest.mark.parametrize("name", ["surnames", "latin_surnames", "latin_given_names"])
def test_words_are_distinct_and_weighted(name: str) -> None:
    values = [r["value"] for r in read_rows(name)]
    assert len(values) == len(set(values))
    assert all(float(r["weight"]) > 0 for r in read_rows(name))


def test_misheard_and_misread_characters_are_other_single_characters() -> None:
    for row in read_rows("given_characters"):
        assert len(row["value"]) == len(row["homophone"]) == len(row["similar"]) == 1
        assert row["homophone"] != row["value"] or row["similar"] != row["value"]


def test_chinese_headers_mean_their_column_in_the_contract() -> None:
    contracts = load_contracts()
    for row in read_rows("chinese_headers"):
        assert contracts[row["dataset"]].column_of_header(row["header"]) == row["column"]


def test_row_faults_and_file_plans_cover_every_dataset() -> None:
    datasets = set(load_contracts())
    assert {r["dataset"] for r in read_rows("file_plan")} == datasets
    assert {r["dataset"] for r in read_rows("row_faults")} == datasets

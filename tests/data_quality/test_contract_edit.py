"""Aliases are added to the text of a contract and nothing else in it changes."""

from pathlib import Path

import pytest
import yaml

from data_quality.contract import CONTRACTS_DIR, ContractError
from data_quality.contract_edit import with_aliases

CONTRACT = """\
# What the shops promise.
source: pos
dataset: sales
description: Lines.
grain: one row per line
key: [ticket_id]
columns:
  ticket_id:
    type: identifier   # as printed
    aliases: [小票号, "no: 1"]
  store_id: {type: identifier}
  sku:
    type: identifier
    aliases:
      - code   # of the maker
      - 货号
  amount:
    type: decimal
    aliases: []
    # the last word
"""


def test_a_list_in_brackets_grows_at_its_end() -> None:
    edited = with_aliases(CONTRACT, {"ticket_id": ["Receipt #", "单号"]})
    assert edited == CONTRACT.replace('"no: 1"]', '"no: 1", "Receipt #", 单号]')


def test_a_list_by_lines_grows_by_lines() -> None:
    assert with_aliases(CONTRACT, {"sku": ["款号"]}) == CONTRACT.replace("- 货号\n", "- 货号\n      - 款号\n")


def test_an_empty_list_and_no_list_become_one() -> None:
    edited = with_aliases(CONTRACT, {"amount": ["金额"], "store_id": ["门店", "yes"]})
    assert edited == CONTRACT.replace("[]", "[金额]").replace(
        "{type: identifier}", '{type: identifier, aliases: [门店, "yes"]}'
    )


def test_an_alias_moves_to_another_column() -> None:
    edited = with_aliases(CONTRACT, {"amount": ["小票号"]}, {"ticket_id": ["小票号"]})
    read = yaml.safe_load(edited)["columns"]
    assert (read["ticket_id"]["aliases"], read["amount"]["aliases"]) == (["no: 1"], ["小票号"])
    assert "# as printed" in edited
    by_line = yaml.safe_load(with_aliases(CONTRACT, {"amount": ["code"]}, {"sku": ["code"]}))["columns"]
    assert (by_line["sku"]["aliases"], by_line["amount"]["aliases"]) == (["货号"], ["code"])


@pytest.mark.parametrize(
    ("added", "removed", "said"),
    [
        ({"sku": ["小票号"]}, {}, "alias of both"),
        ({"price": ["单价"]}, {}, "declares no column 'price'"),
        ({}, {"sku": ["单价"]}, "no alias '单价' to remove"),
        ({}, {"store_id": ["单价"]}, "no alias '单价' to remove"),
    ],
)
def test_what_would_break_the_contract_is_refused(
    added: dict[str, list[str]], removed: dict[str, list[str]], said: str
) -> None:
    with pytest.raises(ContractError, match=said):
        with_aliases(CONTRACT, added, removed)


@pytest.mark.parametrize("path", sorted(CONTRACTS_DIR.glob("*.yml")), ids=lambda path: path.stem)
def test_every_contract_of_the_project_can_be_taught(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    columns = yaml.safe_load(text)["columns"]
    edited = with_aliases(text, {name: [f"Zq: {name}"] for name in columns})
    for name, column in yaml.safe_load(edited)["columns"].items():
        assert column["aliases"] == [*columns[name].get("aliases", []), f"Zq: {name}"]
    assert len(edited.splitlines()) == len(text.splitlines()) + sum("aliases" not in c for c in columns.values())

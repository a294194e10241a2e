"""Policies and word lists as Dagster sees them: files that people edit and the stages read as they are.

What belongs here: one external asset for every file of `seeds/` that no dbt model reads, so that lineage shows which
rule decides what. What does not: the seeds of dbt models (`warehouse/assets.py`), and reading any of these files.
"""

from pathlib import Path

import dagster as dg

from orchestration.policy_tables import POLICIES
from orchestration.settings import PROJECT_ROOT

_REFERENCES = {
    "areas": "Districts and counties of China. One row per division.",
    "cities": "Cities and prefectures of China. One row per division.",
    "dashboard_strings": "Words of the customer health dashboard, English and Chinese. One row per word.",
    "division_aliases": "Short, former and special names of divisions. One row per alias.",
    "email_domain_typos": "Misspelt mail domains and what was meant. One row per spelling.",
    "given_name_characters": "Characters of given names with counts of men and women. One row per character.",
    "mobile_prefixes": "Ranges of mobile prefixes with province, city and area code. One row per range.",
    "name_characters": "Characters whose usual conversion or reading is wrong in a name. One row per character.",
    "name_company_words": "Words by which a company is told from a person. One row per word.",
    "name_honorifics": "Forms of address with their class and the gender they tell. One row per form of address.",
    "name_latin_affixes": "Titles, suffixes and particles of Latin names. One row per word.",
    "name_nickname_prefixes": "小, 老, 阿 and their like before a surname. One row per prefix.",
    "name_placeholders": "What is written where no name was given. One row per text.",
    "name_remarks": "Remarks, labels and greetings that stand beside a name. One row per remark.",
    "name_transliteration_characters": "Characters of transliterated minority names. One row per list of characters.",
    "provinces": "Provinces of China. One row per division.",
    "romanised_surnames": "Cantonese, Taiwanese and Hokkien spellings of surnames. One row per spelling.",
    "street_words": "English street words and their standard form. One row per spelling.",
    "surnames": "Surnames with frequency, reading and standard spelling. One row per surname.",
    "western_given_names": "Western given names that could be read as pinyin. One row per name.",
    "given_name_variants": "Short and familiar forms of Western given names. One row per form.",
}


def _spec(group: str, name: str, description: str) -> dg.AssetSpec:
    """The external asset of one file; a run never touches it."""
    path = next((PROJECT_ROOT / "seeds" / group).glob(f"{name}.[cp]*"))
    return dg.AssetSpec(
        [group, name],
        description=description,
        group_name=group,
        kinds={path.suffix.removeprefix(".")},
        owners=["team:data-engineering"],
        metadata={"file": path.relative_to(PROJECT_ROOT).as_posix(), **_columns(path)},
    )


def _columns(path: Path) -> dict[str, dg.TableSchema]:
    """The columns of a CSV, from its header."""
    if path.suffix != ".csv":
        return {}
    with path.open(encoding="utf-8-sig") as file:
        header = file.readline().strip().split(",")
    return {"dagster/column_schema": dg.TableSchema([dg.TableColumn(name, "varchar") for name in header])}


assets = [
    *(_spec("policy", name, description) for name, description in POLICIES.items()),
    *(_spec("reference", name, description) for name, description in _REFERENCES.items()),
]

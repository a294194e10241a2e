"""Policies and word lists as Dagster sees them: files that people edit and the stages read as they are.

What belongs here: one external asset for every file of `seeds/` that no dbt model reads, so that lineage shows which
rule decides what. What does not: the seeds of dbt models (`warehouse/assets.py`), and reading any of these files.
"""

from pathlib import Path

import dagster as dg

from orchestration.settings import PROJECT_ROOT

_POLICIES = {
    "blocked_identifiers": "Numbers and addresses that many people share and that therefore link nobody. "
    "One row per value and first day of validity.",
    "blocked_values": "Phones, email addresses and addresses that stand for `not given`. "
    "One row per value or pattern and first day of validity.",
    "blocking_rules": "Keys that two records must share to be compared at all. "
    "One row per blocking rule and first day of validity.",
    "comparison_levels": "How much each level of agreement speaks for one person, before training. "
    "One row per comparison level and first day of validity.",
    "identity_limits": "Probabilities and sizes from which records are joined, queued for review or taken apart. "
    "One row per limit and first day of validity.",
    "identity_rules": "Strong identifiers that join records, with the confidence such a link carries. "
    "One row per rule and first day of validity.",
    "match_priors": "How likely two random records are one person, by how many records there are, before training. "
    "One row per number of records and first day of validity.",
    "name_thresholds": "Frequencies and lengths from which a text is read as a name. "
    "One row per threshold and first day of validity.",
    "null_tokens": "Texts that mean `not given`, by type of column. One row per text and type of column.",
    "phone_default_regions": "Regions whose numbering plan reads a phone without a country code, in order. "
    "One row per region and first day of validity.",
    "export_roles": "Who may export, and who of them sees contact data. One row per role and first day of validity.",
    "household_rules": "What says that customers share a home. One row per rule and first day of validity.",
    "publication": "How many published versions are kept, and how long. One row per setting and first day of validity.",
    "reading_limits": "How large and how broken a delivered file may be. One row per limit and first day of validity.",
    "source_trust": "Which source is believed where sources differ. One row per source and first day of validity.",
    "value_model": "When a fit of customer value is trusted, and what stands in for it. "
    "One row per setting and first day of validity.",
    "survivorship": "How the surviving value of each field of a customer is chosen. "
    "One row per field and first day of validity.",
}
_REFERENCES = {
    "areas": "Districts and counties of China. One row per division.",
    "cities": "Cities and prefectures of China. One row per division.",
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
    *(_spec("policy", name, description) for name, description in _POLICIES.items()),
    *(_spec("reference", name, description) for name, description in _REFERENCES.items()),
]

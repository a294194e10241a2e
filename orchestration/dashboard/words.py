"""The words of the dashboard, in English and Chinese.

What belongs here: reading reference `dashboard_strings` and finding a word for each code. What does not: the words.

The order of the rows is the order in which codes of one kind are drawn. A code that has no row (a tier that policy
added, a new audience) is shown as it is written, with spaces for underscores, after the others.
"""

import csv
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from orchestration.dashboard.aggregates import Dataset
from orchestration.errors import UserError

_COLUMNS = ["key", "en", "zh"]
# Words that name what is missing stand after every other code of their kind.
_LAST = ("other", "none", "unknown", "unlinked", "not_yet")

Words = dict[str, list[str]]


def read_words(path: Path) -> Words:
    """The words by key, each in English and Chinese, in the order of the file.

    Raises:
        UserError: the file has other columns, or a row without key or English word, or a key twice.
    """
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        if reader.fieldnames != _COLUMNS:
            raise UserError(f"{path} has the columns {reader.fieldnames}: it needs {', '.join(_COLUMNS)}.")
        words: Words = {}
        for row in reader:
            key, english = (row["key"] or "").strip(), (row["en"] or "").strip()
            if not key or not english or key in words:
                fault = "repeats the key" if key in words else "has no key or no English word:"
                raise UserError(f"{path}, line {reader.line_num} {fault} {key or english!r}. Mend the row.")
            words[key] = [english, (row["zh"] or "").strip()]
    return words


def words_for(words: Words, datasets: Mapping[str, Dataset]) -> tuple[Words, dict[str, list[str]]]:
    """Add a word for every code of the data; say in which order the codes of each kind are drawn.

    Args:
        words: What `read_words` gave.
        datasets: What `aggregates.collect` gave; its table `labels` holds the Chinese names that policies gave.

    Returns:
        The words, and by kind of code (`tier`, `stage`, …) the codes that occur, in their order.
    """
    named = {(row["domain"], row["code"]): row["zh"] for row in datasets["labels"].rows() if row["zh"]}
    ranked = {(row["domain"], row["code"]): place for place, row in enumerate(datasets["labels"].rows())}
    places = {key: place for place, key in enumerate(words)}
    found: dict[str, set[str]] = {}
    for dataset in datasets.values():
        for column, domain in dataset.domains.items():
            found.setdefault(domain, set()).update(str(code) for code in dataset.columns[column] if code is not None)
    every = dict(words)
    for domain, codes in found.items():
        for code in codes:
            english, chinese = words.get(f"{domain}.{code}") or [spaced(code), ""]
            every[f"{domain}.{code}"] = [english, named.get((domain, code), chinese) or english]

    def place(domain: str, code: str) -> tuple[bool, int, int, str]:
        key = f"{domain}.{code}"
        return (code in _LAST, places.get(key, len(places)), ranked.get((domain, code), len(ranked)), code)

    return every, {domain: sorted(codes, key=partial(place, domain)) for domain, codes in found.items()}


def spaced(code: str) -> str:
    """A code without a word, `new_customer_care`, as a person reads it."""
    text = code.replace("_", " ").strip()
    return text[:1].upper() + text[1:]

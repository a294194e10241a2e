"""Adding and moving aliases in a contract file without touching anything else in it.

What belongs here: where in the text of a contract an alias stands. What does not: which alias means which column
(`orchestration/mapping`).
"""

import json
from collections.abc import Mapping, Sequence

import yaml

from data_quality.contract import Contract, ContractError


def with_aliases(
    text: str, added: Mapping[str, Sequence[str]], removed: Mapping[str, Sequence[str]] | None = None
) -> str:
    """The text of a contract with aliases added to, and taken from, its columns; comments and layout stay.

    Args:
        text: A valid contract file.
        added: Column to the headers that shall mean it too.
        removed: Column to the headers that shall mean it no longer.

    Raises:
        ContractError: a column does not exist, an alias to remove is not there, or the result would be no valid
            contract (a header that means two columns).
    """
    root = yaml.compose(text)
    columns = _value(root, "columns")
    edits: list[tuple[int, int, str]] = []
    for column in dict.fromkeys([*(removed or {}), *added]):
        node = _value(columns, column)
        if not isinstance(node, yaml.MappingNode):
            raise ContractError(f"The contract declares no column {column!r}.")
        edits += _column_edits(text, node, list(added.get(column, ())), list((removed or {}).get(column, ())))
    for start, end, replacement in sorted(edits, reverse=True):
        text = text[:start] + replacement + text[end:]
    try:
        Contract.model_validate(yaml.safe_load(text))
    except ValueError as error:
        raise ContractError(f"With these aliases the contract would not be valid: {error}") from error
    return text


def _column_edits(
    text: str, column: yaml.MappingNode, added: list[str], removed: list[str]
) -> list[tuple[int, int, str]]:
    """Start, end and replacement of each piece of text that changes in one column."""
    aliases = _value(column, "aliases")
    if not isinstance(aliases, yaml.SequenceNode):
        if removed:
            raise ContractError(f"There is no alias {removed[0]!r} to remove.")
        return [_new_list(text, column, added)] if added else []
    written = [item.value for item in aliases.value]
    for alias in removed:
        if alias not in written:
            raise ContractError(f"There is no alias {alias!r} to remove.")
    if aliases.flow_style:
        kept = [text[i.start_mark.index : i.end_mark.index] for i in aliases.value if i.value not in removed]
        # The items stand anew; where none is removed the list is only made longer, its own layout stays.
        if removed:
            listed = ", ".join([*kept, *map(_scalar, added)])
            return [(aliases.start_mark.index, aliases.end_mark.index, f"[{listed}]")]
        end = aliases.value[-1].end_mark.index if aliases.value else aliases.start_mark.index + 1
        new = ", ".join(map(_scalar, added))
        return [(end, end, f", {new}" if kept else new)] if added else []
    edits = []
    for item in aliases.value:
        if item.value in removed:
            start = text.rindex("\n", 0, item.start_mark.index) + 1
            edits.append((start, _line_end(text, item.end_mark.index), ""))
    last = aliases.value[-1]
    indent = " " * (aliases.start_mark.column)
    place = _line_end(text, last.end_mark.index)
    lines = "".join(f"{indent}- {_scalar(alias)}\n" for alias in added)
    return [*edits, (place, place, lines)] if added else edits


def _new_list(text: str, column: yaml.MappingNode, added: list[str]) -> tuple[int, int, str]:
    """A list of aliases for a column that has none, below its first line or inside its braces."""
    key, value = column.value[0]
    listed = f"aliases: [{', '.join(map(_scalar, added))}]"
    if column.flow_style:
        return value.end_mark.index, value.end_mark.index, f", {listed}"
    place = _line_end(text, value.end_mark.index)
    return place, place, f"{' ' * key.start_mark.column}{listed}\n"


def _line_end(text: str, position: int) -> int:
    """Where the line after the one of this position begins."""
    found = text.find("\n", position)
    return len(text) if found < 0 else found + 1


def _value(node: yaml.Node | None, key: str) -> yaml.Node | None:
    if not isinstance(node, yaml.MappingNode):
        return None
    return next((value for name, value in node.value if name.value == key), None)


def _scalar(alias: str) -> str:
    """A header as YAML writes it in a list: quoted only where it would mean something else."""
    try:
        plain = yaml.safe_load(f"[{alias}]") == [alias]
    except yaml.YAMLError:
        plain = False
    return alias if plain else json.dumps(alias, ensure_ascii=False)

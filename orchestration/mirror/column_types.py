"""Types: what a column of the published file is in PostgreSQL, and how its values are written for COPY.

What belongs here: types and the text form of values. What does not: connections, and which tables are copied.

Values travel as CSV, every one quoted and an empty one not, so that an empty text stays apart from no value.
"""

import re

from orchestration.database import identifier
from orchestration.errors import UserError

_PLAIN = {
    "VARCHAR": "text",
    "BOOLEAN": "boolean",
    "TINYINT": "smallint",
    "SMALLINT": "smallint",
    "UTINYINT": "smallint",
    "USMALLINT": "integer",
    "INTEGER": "integer",
    "UINTEGER": "bigint",
    "BIGINT": "bigint",
    "UBIGINT": "numeric(20,0)",
    "HUGEINT": "numeric(39,0)",
    "UHUGEINT": "numeric(39,0)",
    "FLOAT": "real",
    "DOUBLE": "double precision",
    "DATE": "date",
    "TIME": "time",
    "TIMESTAMP": "timestamp",
    "TIMESTAMP_S": "timestamp",
    "TIMESTAMP_MS": "timestamp",
    "TIMESTAMP_NS": "timestamp",
    "TIMESTAMP WITH TIME ZONE": "timestamptz",
    "INTERVAL": "interval",
    "UUID": "uuid",
    "BLOB": "bytea",
    "JSON": "jsonb",
}
_DECIMAL = re.compile(r"DECIMAL\((\d+),(\d+)\)")
_NESTED = ("STRUCT(", "MAP(", "UNION(")


def postgres_type(data_type: str) -> str:
    """The PostgreSQL type of a DuckDB type.

    A decimal keeps its digits, a time without zone stays one (it is in the business time zone), a list of plain values
    becomes an array, anything nested `jsonb`, and an enumeration the text it stands for.

    Raises:
        UserError: there is no type that holds all its values; nothing is turned into text in silence.
    """
    decimal = _DECIMAL.fullmatch(data_type)
    if decimal:
        return f"numeric({decimal[1]},{decimal[2]})"
    if data_type in _PLAIN:
        return _PLAIN[data_type]
    if data_type.startswith("ENUM("):
        return "text"
    element = _element(data_type)
    if element is not None:
        return "jsonb" if _is_nested(element) else f"{postgres_type(element)}[]"
    if _is_nested(data_type):
        return "jsonb"
    raise UserError(
        f"PostgreSQL has no type for a column of type {data_type}. Cast the column in its model to a type that BI "
        "tools know (docs/bi.md lists them), or leave its table out with --tables."
    )


def copied_value(name: str, data_type: str) -> str:
    """SQL that writes a column as the text that COPY reads as a value of `postgres_type`; NULL stays NULL."""
    column = identifier(name)
    element = _element(data_type)
    if element is not None and not _is_nested(element):
        quoted = f"""'"' || replace(replace({_text("v", element)}, '\\', '\\\\'), '"', '\\"') || '"'"""
        return f"'{{' || array_to_string(list_transform({column}, lambda v: coalesce({quoted}, 'NULL')), ',') || '}}'"
    if element is not None or _is_nested(data_type):
        return f"replace(cast(to_json({column}) as varchar), '\\u0000', '')"
    return _text(column, data_type)


def _text(value: str, data_type: str) -> str:
    if data_type == "BLOB":
        return f"'\\x' || hex({value})"
    text = f"cast({value} as varchar)"
    # PostgreSQL holds any text but one with this character.
    return f"replace({text}, chr(0), '')" if data_type in ("VARCHAR", "JSON") or data_type.startswith("ENUM(") else text


def _element(data_type: str) -> str | None:
    """The type of the values of a list or array; None for other types."""
    listed = re.fullmatch(r"(.*)\[\d*\]", data_type, re.DOTALL)
    return listed[1] if listed else None


def _is_nested(data_type: str) -> bool:
    return data_type.startswith(_NESTED) or _element(data_type) is not None

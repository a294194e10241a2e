"""The language of rules in policy tables: safe expressions over named columns, parsed into steps.

What belongs here: reading one expression, checking it against the columns it may name, and the steps it comes down to.
What does not: which policy tables hold rules (`rule_tables.py`), and SQL (`dbt_project/macros/rules.sql`). Nothing of a
rule's text reaches a database: a macro writes each step anew from checked parts.

    rule      = part { "or" part } ;           part = condition { "and" condition } ;
    condition = "not" condition | "(" rule ")" | "true" | "false" | test ;
    test      = column comparison value        -- = <> != < <= > >=, value of the column's type or another column
              | column [ "not" ] "between" value "and" value
              | column [ "not" ] "in" "(" value { "," value } ")"
              | column [ "not" ] "contains" value                      -- columns that hold a list
              | column "is" [ "not" ] "null"
              | column ;                                               -- columns that hold true or false
    value     = 'text' | 12.5 | true | false | '2026-06-30' ;

Keywords may be written in any case; a quote inside a text is doubled (`'it''s'`). A test of an empty value does not
hold, whatever the comparison, and `not` turns that around: `nps_last < 7` leaves out who never answered,
`not nps_last >= 7` takes them in.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from difflib import get_close_matches
from typing import Literal, NoReturn

Kind = Literal["test", "and", "or", "not", "constant"]

# Bounds of one rule: far above what a person can read, far below what could exhaust the machine.
MAX_CHARACTERS = 2_000
MAX_DEPTH = 20
MAX_VALUES = 200

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^']|'')*')"
    r"|(?P<number>[+-]?[0-9]{1,18}(?:\.[0-9]{1,9})?)(?![\w.])"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*)(?!\w)"
    r"|(?P<mark><=|>=|<>|!=|=|<|>|\(|\)|,))"
)
_COMPARISONS = {"=": "=", "<>": "<>", "!=": "<>", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
_KEYWORDS = {"and", "or", "not", "in", "is", "null", "contains", "between", "true", "false"}
_KINDS_OF_TYPE = {
    "varchar": "text",
    "integer": "number",
    "bigint": "number",
    "smallint": "number",
    "double": "number",
    "decimal": "number",
    "date": "date",
    "timestamp": "timestamp",
    "boolean": "boolean",
    "varchar[]": "list",
}
_EXAMPLES = {
    "text": "'gold'",
    "number": "100",
    "date": "'2026-06-30'",
    "timestamp": "'2026-06-30 12:00:00'",
    "boolean": "true",
    "list": "'gold'",
}


class RuleError(ValueError):
    """A rule that is not in the language; the message names the value and what to write instead."""


@dataclass(frozen=True)
class Step:
    """One step of a rule in postfix order: a test puts its outcome on a pile, `and`, `or`, `not` take theirs from it.

    `comparison` is one of `= <> < <= > >= in`, `is null`, `contains`; `value_type` is `text`, `number`, `date`,
    `timestamp`, `boolean`, or `column` when `values` names another column.
    """

    kind: Kind
    column: str | None = None
    comparison: str | None = None
    value_type: str | None = None
    values: tuple[str, ...] = ()


def column_kind(data_type: str) -> str | None:
    """What a dbt `data_type` holds, in the words of rules; None when rules cannot use it.

    Args:
        data_type: e.g. `decimal(18,4)`, `varchar[]`.
    """
    bare = re.sub(r"\(.*?\)", "", data_type).strip().lower()
    return _KINDS_OF_TYPE.get(bare)


@dataclass(frozen=True)
class Column:
    """A column that rules may name: its dbt `data_type`, and the only texts it can hold where they are known."""

    data_type: str
    values: Collection[str] | None = None


def parse_rule(text: str, columns: Mapping[str, Column]) -> list[Step]:
    """Parse a rule and check it against the columns it may name.

    Args:
        text: The rule as a person wrote it.
        columns: What rules may name, e.g. `{"orders": Column("integer")}`.

    Returns:
        The steps in postfix order; run on an empty pile they leave exactly one outcome.

    Raises:
        RuleError: the text is not a rule, names no known column, or compares a column with a value of another type, or
            with one it cannot hold.
    """
    if len(text) > MAX_CHARACTERS:
        raise RuleError(f"the rule is {len(text):,} characters long; at most {MAX_CHARACTERS:,} are read")
    return _Parser(text, columns).rule_to_the_end()


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str

    @property
    def keyword(self) -> str | None:
        """The keyword in lower case, or None."""
        word = self.text.lower()
        return word if self.kind == "word" and word in _KEYWORDS else None


_END = _Token("end", "")


class _Parser:
    """Recursive descent over the tokens of one rule; every method leaves `self._at` behind what it read."""

    def __init__(self, text: str, columns: Mapping[str, Column]) -> None:
        self._tokens = _tokens(text)
        self._columns = columns
        self._at = 0
        self._depth = 0

    def rule_to_the_end(self) -> list[Step]:
        if self._next is _END:
            raise RuleError("the rule is empty; write `false` for a rule that holds for nobody")
        steps = self._rule()
        if self._next is not _END:
            self._refuse("`and`, `or` or the end of the rule")
        return steps

    @property
    def _next(self) -> _Token:
        return self._tokens[self._at]

    def _take(self) -> _Token:
        token = self._next
        self._at += 1
        return token

    def _take_keyword(self, word: str) -> bool:
        if self._next.keyword == word:
            self._at += 1
            return True
        return False

    def _take_mark(self, mark: str) -> bool:
        if self._next == _Token("mark", mark):
            self._at += 1
            return True
        return False

    def _refuse(self, expected: str) -> NoReturn:
        found = f"`{self._next.text}`" if self._next is not _END else "the end of the rule"
        raise RuleError(f"{found} stands where {expected} is expected")

    def _rule(self) -> list[Step]:
        steps = self._part()
        while self._take_keyword("or"):
            steps += [*self._part(), Step("or")]
        return steps

    def _part(self) -> list[Step]:
        steps = self._condition()
        while self._take_keyword("and"):
            steps += [*self._condition(), Step("and")]
        return steps

    def _condition(self) -> list[Step]:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise RuleError(f"the rule is nested more than {MAX_DEPTH} deep; split it into several rules")
        try:
            if self._take_keyword("not"):
                return [*self._condition(), Step("not")]
            if self._take_mark("("):
                steps = self._rule()
                if not self._take_mark(")"):
                    self._refuse("`)`")
                return steps
            if self._next.keyword in ("true", "false"):
                return [Step("constant", values=(self._take().text.lower(),))]
            return self._test()
        finally:
            self._depth -= 1

    def _test(self) -> list[Step]:
        column, kind = self._column()
        if self._next.kind == "mark" and self._next.text in _COMPARISONS:
            return self._comparison(column, kind)
        if self._take_keyword("is"):
            negated = self._take_keyword("not")
            if not self._take_keyword("null"):
                self._refuse("`null`")
            return _negated([Step("test", column, "is null")], negated)
        negated = self._take_keyword("not")
        if self._take_keyword("in"):
            return _unless_empty(column, self._membership(column, kind), negated)
        if self._take_keyword("between"):
            low = self._value(column, kind)
            if not self._take_keyword("and"):
                self._refuse("`and` between the two bounds")
            high = self._value(column, kind)
            tests = [Step("test", column, ">=", kind, (low,)), Step("test", column, "<=", kind, (high,)), Step("and")]
            return _unless_empty(column, tests, negated)
        if self._take_keyword("contains"):
            if kind != "list":
                raise RuleError(f"`contains` is for columns that hold a list, and {column} holds {_described(kind)}")
            value = self._value(column, "text")
            return _unless_empty(column, [Step("test", column, "contains", "text", (value,))], negated)
        if negated or kind != "boolean":
            self._refuse(f"a comparison of {column}, such as {column} {_example(kind)},")
        return [Step("test", column, "=", "boolean", ("true",))]

    def _comparison(self, column: str, kind: str) -> list[Step]:
        comparison = _COMPARISONS[self._take().text]
        if kind == "list":
            raise RuleError(f"{column} holds a list: write {column} {_example(kind)}")
        if kind == "boolean" and comparison not in ("=", "<>"):
            raise RuleError(f"{column} is true or false and cannot be compared with `{comparison}`")
        if self._next.kind == "word" and self._next.keyword is None:
            other, other_kind = self._column()
            if other_kind != kind:
                raise RuleError(
                    f"{column} holds {_described(kind)} and {other} holds {_described(other_kind)}: "
                    "only columns of one kind can be compared"
                )
            return [Step("test", column, comparison, "column", (other,))]
        return [Step("test", column, comparison, kind, (self._value(column, kind),))]

    def _membership(self, column: str, kind: str) -> list[Step]:
        if kind in ("list", "boolean"):
            raise RuleError(f"`in` is not for {column}, which holds {_described(kind)}: write {_example(kind)}")
        if not self._take_mark("("):
            self._refuse("`(` and a list of values")
        values = [self._value(column, kind)]
        while self._take_mark(","):
            values.append(self._value(column, kind))
            if len(values) > MAX_VALUES:
                raise RuleError(f"a list holds at most {MAX_VALUES} values")
        if not self._take_mark(")"):
            self._refuse("`,` or `)`")
        return [Step("test", column, "in", kind, tuple(values))]

    def _column(self) -> tuple[str, str]:
        """A known column and what it holds."""
        token = self._next
        if token.kind != "word" or token.keyword is not None:
            self._refuse("the name of a column")
        name = self._take().text
        if name not in self._columns:
            near = get_close_matches(name.lower(), self._columns, n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else "texts stand in quotes: 'gold'."
            raise RuleError(f"{name} is not a column that rules may name; {hint}")
        kind = column_kind(self._columns[name].data_type)
        if kind is None:
            raise RuleError(f"{name} is of type {self._columns[name].data_type}, which rules cannot compare")
        return name, kind

    def _value(self, column: str, kind: str) -> str:
        """A literal of the column's kind, in its standard spelling."""
        token = self._next
        wanted = f"{_described(kind)} for {column}, such as {_EXAMPLES[kind]},"
        if kind == "number":
            if token.kind != "number":
                self._refuse(wanted)
            return self._take().text.removeprefix("+")
        if kind == "boolean":
            if token.keyword not in ("true", "false"):
                self._refuse(wanted)
            return self._take().text.lower()
        if token.kind != "text":
            self._refuse(wanted)
        value = self._take().text[1:-1].replace("''", "'")
        try:
            if kind == "date":
                return date.fromisoformat(value).isoformat()
            if kind == "timestamp":
                return datetime.strptime(value, "%Y-%m-%d %H:%M:%S").isoformat(" ")  # noqa: DTZ007 - business time
        except ValueError:
            raise RuleError(f"'{value}' is not {_described(kind)} for {column}, such as {_EXAMPLES[kind]}") from None
        known = self._columns[column].values
        if known is not None and value not in known:
            raise RuleError(f"{column} never holds '{value}'; it holds {', '.join(sorted(known))}")
        return value


def _tokens(text: str) -> list[_Token]:
    tokens = []
    at = 0
    while text[at:].strip():
        found = _TOKEN.match(text, at)
        if found is None:
            rest = text[at:].strip()
            raise RuleError(f"`{rest[:20]}` cannot be read; {_advice(rest[0])}")
        tokens.append(_Token(str(found.lastgroup), found.group(str(found.lastgroup))))
        at = found.end()
    return [*tokens, _END]


def _advice(character: str) -> str:
    """What to write instead of a character that begins no token."""
    if character == "'":
        return "a text ends with the quote it began with: 'gold'"
    if character in '"`“”‘’':
        return "a text stands in single straight quotes: 'gold'"
    if character in "（），＝＜＞！":  # what a Chinese keyboard writes
        return "write ( ) , = < > in their half-width forms"
    return "a rule holds columns, comparisons, values, and, or, not and parentheses"


def _negated(steps: list[Step], negated: bool) -> list[Step]:
    return [*steps, Step("not")] if negated else steps


def _unless_empty(column: str, steps: list[Step], negated: bool) -> list[Step]:
    """`not in`, `not between`, `not contains`: a test of an empty value does not hold."""
    if not negated:
        return steps
    return [*steps, Step("not"), Step("test", column, "is null"), Step("not"), Step("and")]


def _described(kind: str) -> str:
    return {"boolean": "true or false", "list": "a list of texts"}.get(kind, f"a {kind}")


def _example(kind: str) -> str:
    return f"contains {_EXAMPLES[kind]}" if kind == "list" else f"= {_EXAMPLES[kind]}"

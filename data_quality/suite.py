"""A suite: what must be true of the tables of one stage, read from `data_quality/suites/<stage>.yml`.

What belongs here: the shape of a suite file and its checks. What does not: running it (`gx_runner.py`), and anything
that a dbt test already states about a model: a rule is stated once.
"""

from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from data_quality.contract import load_contracts
from data_quality.results import Severity

SUITES_DIR = Path(__file__).resolve().parent / "suites"

TableName = Annotated[str, Field(pattern=r"^[a-z_][a-z0-9_]*\.[a-z_][a-z0-9_]*$")]


class Expectation(BaseModel):
    """One thing that must be true of one table."""

    model_config = ConfigDict(extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="What is true when it passes: `every_sale_has_a_sku`.")
    table: TableName
    type: str = Field(
        description="A Great Expectations type (`expect_…`), `unexpected_rows` (SQL that returns the rows that break "
        "it; `{table}` and `{as_of}` are filled in) or `no_personal_data` (a look at every column of the schemas: at "
        "`text` or `identifier` values, or for columns that a contract has `declared` personal)."
    )
    arguments: dict[str, Any] = Field(default_factory=dict)
    key: list[str] = Field(default_factory=list, description="Columns that name a row in the (masked) examples.")
    severity: Severity
    owner: str | None = None
    why: str = Field(min_length=10, description="What goes wrong downstream when this is not so.")

    @model_validator(mode="after")
    def _arguments_fit_the_type(self) -> "Expectation":
        if self.type == "unexpected_rows":
            sql = self.arguments.get("sql")
            if not isinstance(sql, str) or "{table}" not in sql:
                raise ValueError(f"{self.name}: `arguments.sql` must be SQL that reads from {{table}}")
            if not self.key:
                raise ValueError(f"{self.name}: name the `key` columns that the SQL returns")
        elif self.type == "no_personal_data":
            classes = ("text", "identifier", "declared")
            if not self.arguments.get("schemas") or self.arguments.get("columns") not in classes:
                raise ValueError(
                    f"{self.name}: give `arguments.schemas` and `arguments.columns` ({', '.join(classes)})"
                )
        elif not self.type.startswith("expect_"):
            raise ValueError(f"{self.name}: {self.type!r} is no type of expectation")
        personal = sorted(set(self.key) & personal_columns())
        if personal:
            raise ValueError(f"{self.name}: {', '.join(personal)} hold personal data and cannot be in `key`")
        return self


class Suite(BaseModel):
    """What must be true when one stage is done."""

    model_config = ConfigDict(extra="forbid")

    stage: Literal["raw", "clean", "identity", "marts", "published"]
    description: str
    asset: list[str] = Field(description="The asset that carries the checks: what depends on it waits for them.")
    after: list[list[str]] = Field(
        default_factory=list, description="Further assets whose tables the suite reads; it runs when they are done."
    )
    owner: str
    expectations: list[Expectation]

    @model_validator(mode="after")
    def _names_are_unique(self) -> "Suite":
        names = [e.name for e in self.expectations]
        repeated = sorted({n for n in names if names.count(n) > 1})
        if repeated:
            raise ValueError(f"these names are used twice: {', '.join(repeated)}")
        return self

    def owner_of(self, expectation: Expectation) -> str:
        """Who is asked when the expectation fails."""
        return expectation.owner or self.owner


@cache
def personal_columns() -> frozenset[str]:
    """Columns that any contract declares personal."""
    return frozenset(n for c in load_contracts().values() for n, column in c.columns.items() if column.personal)


@cache
def load_suites(directory: Path = SUITES_DIR) -> dict[str, Suite]:
    """Read every suite file, keyed by stage.

    Raises:
        ValueError: a file is not valid YAML or breaks the shape of a suite; the message names the file and the setting.
    """
    suites: dict[str, Suite] = {}
    for path in sorted(directory.glob("*.yml")):
        try:
            suite = Suite.model_validate(yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader))
        except (yaml.YAMLError, ValidationError) as error:
            raise ValueError(f"Suite {path.name} is not valid: {error}") from error
        if path.stem != suite.stage:
            raise ValueError(f"Suite {path.name} declares the stage {suite.stage}: name the file {suite.stage}.yml")
        suites[suite.stage] = suite
    return suites

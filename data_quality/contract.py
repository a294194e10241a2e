"""The contract of one dataset: its columns, aliases, types, keys and rules, read from YAML.

What belongs here: the shape of a contract file and its checks. What does not: reading extracts
(`orchestration/ingestion`) or turning rules into SQL (`orchestration/cleaning/conform.py`).
"""

import unicodedata
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

CONTRACTS_DIR = Path(__file__).resolve().parent / "contracts"

ColumnType = Literal[
    "identifier",  # text that names something: trimmed, full-width folded, `123.0` from spreadsheets mended
    "text",
    "name",
    "phone",
    "email",
    "address",
    "id_card",
    "date",
    "timestamp",
    "decimal",
    "integer",
    "boolean",
    "enum",
]


class ContractError(ValueError):
    """A contract file that a person has to correct."""


class Column(BaseModel):
    """What one column promises."""

    model_config = ConfigDict(extra="forbid")

    type: ColumnType
    required: bool = False
    aliases: list[str] = Field(default_factory=list, description="Headers that mean this column, beside its name.")
    personal: bool = Field(default=False, description="Holds personal data: never shown or published unmasked.")
    values: dict[str, list[str]] = Field(
        default_factory=dict, description="For `enum` and `boolean`: canonical value to the spellings that mean it."
    )
    empty_values: list[str] = Field(
        default_factory=list,
        description="Spellings that mean `not given` in this column, beside `seeds/policy/null_tokens.csv`.",
    )
    minimum: float | None = None
    maximum: float | None = None
    not_zero: bool = False
    not_after_delivery: bool = Field(
        default=False, description="A date later than the day of delivery is a fault (`in_future`)."
    )
    refers_to: str | None = Field(
        default=None, description="The dataset (`pos/members`) whose key this column names; feeds the scorecard."
    )
    unknown_value: Literal["quarantine", "warn"] = Field(
        default="warn", description="What an `enum` or `boolean` value outside the list does; required: quarantine."
    )

    @model_validator(mode="after")
    def _spellings_mean_one_thing(self) -> "Column":
        empty = {normalise_spelling(written) for written in self.empty_values}
        owners: dict[str, str] = {}
        for canonical, written in self._written_values():
            other = owners.setdefault(normalise_spelling(written), canonical)
            if other != canonical:
                raise ValueError(f"spelling {written!r} means both {other} and {canonical}")
            if normalise_spelling(written) in empty:
                raise ValueError(f"spelling {written!r} means {canonical} and also `not given` (empty_values)")
        return self

    def _written_values(self) -> list[tuple[str, str]]:
        return [(name, written) for name, listed in self.values.items() for written in [name, *listed]]

    @property
    def spellings(self) -> dict[str, str]:
        """Every spelling of an `enum` or `boolean`, folded by `normalise_spelling`, to its canonical value."""
        return {normalise_spelling(written): canonical for canonical, written in self._written_values()}


class NotBefore(BaseModel):
    """A row rule: `column` must not be earlier than `earlier` where both are present."""

    model_config = ConfigDict(extra="forbid")

    code: str = Field(pattern=r"^[a-z][a-z0-9_]*$", description="Reason code, e.g. `resolved_before_opened`.")
    column: str
    earlier: str


class Contract(BaseModel):
    """What one dataset promises."""

    model_config = ConfigDict(extra="forbid")

    source: Literal["pos", "ecommerce", "call_center"]
    dataset: str = Field(pattern=r"^[a-z_]+$")
    description: str
    grain: str
    key: list[str]
    amount: str | None = Field(default=None, description="The column whose sum is conserved from file to mart.")
    business_time: str | None = Field(default=None, description="The column that dates the row.")
    columns: dict[str, Column]
    row_rules: list[NotBefore] = Field(default_factory=list)

    @model_validator(mode="after")
    def _references_exist(self) -> "Contract":
        named = [*self.key, *(n for r in self.row_rules for n in (r.column, r.earlier))]
        named += [n for n in (self.amount, self.business_time) if n]
        missing = sorted({n for n in named if n not in self.columns})
        if missing:
            raise ValueError(f"these columns are named but not declared: {', '.join(missing)}")
        owners: dict[str, str] = {}
        for name, column in self.columns.items():
            for written in [name, *column.aliases]:
                other = owners.setdefault(normalise_header(written), name)
                if other != name:
                    raise ValueError(f"header {written!r} is an alias of both {other} and {name}")
        return self

    @property
    def table(self) -> str:
        """Name of this dataset's table in every stage, e.g. `pos_sales`."""
        return f"{self.source}_{self.dataset}"

    @property
    def required(self) -> list[str]:
        """Columns without which a row is quarantined (the key included)."""
        return [n for n, c in self.columns.items() if c.required or n in self.key]

    def column_of_header(self, header: str) -> str | None:
        """The column a written header means, or None."""
        wanted = normalise_header(header)
        for name, column in self.columns.items():
            if any(normalise_header(written) == wanted for written in [name, *column.aliases]):
                return name
        return None


@lru_cache(maxsize=20_000)
def normalise_header(header: str) -> str:
    """Fold a header for matching: full-width forms, case, blanks, underscores, hyphens, byte-order mark."""
    folded = unicodedata.normalize("NFKC", header).casefold()
    return "".join(
        c for c in folded if not c.isspace() and c not in "_-\"'" and unicodedata.category(c) not in {"Cf", "Cc"}
    )


def normalise_spelling(value: str) -> str:
    """Fold a delivered value for matching against spellings, `empty_values` and null tokens: width, case, blanks."""
    return " ".join(unicodedata.normalize("NFKC", value).casefold().split())


@cache
def load_contracts(directory: Path = CONTRACTS_DIR) -> dict[str, Contract]:
    """Read every contract file, keyed by table name (`pos_sales`), in file-name order.

    Raises:
        ContractError: a file is not valid YAML or breaks the shape of a contract; the message names the
            file, the setting and the value.
    """
    contracts: dict[str, Contract] = {}
    for path in sorted(directory.glob("*.yml")):
        try:
            contract = Contract.model_validate(yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader))
        except ValidationError as error:
            faults = "; ".join(
                f"{'.'.join(map(str, fault['loc'])) or 'the file'}: {fault['msg']} (found {str(fault['input'])[:80]!r})"
                for fault in error.errors()
            )
            raise ContractError(f"Contract {path.name} is not valid. {faults}. Correct the file.") from error
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ContractError(f"Contract {path.name} is no valid YAML: {error}. Correct the file.") from error
        if path.stem != contract.table:
            raise ContractError(f"Contract {path.name} declares {contract.table}: name the file {contract.table}.yml")
        contracts[contract.table] = contract
    return contracts

"""From which likeness on a header is taken for a column.

What belongs here: reading `seeds/policy/header_mapping.csv`. What does not: how likeness is measured.
"""

from dataclasses import dataclass, fields
from pathlib import Path

from orchestration.errors import UserError
from orchestration.policy_rows import read_number, read_policy_rows

FILE_NAME = "header_mapping.csv"


@dataclass(frozen=True)
class MappingSettings:
    """One number per row of `header_mapping.csv`; its `why` column says what each is for."""

    likely_from: float
    possible_from: float
    unfit_below: float
    sample_rows: float
    sample_bytes: float
    spelling_slip_from: float
    values_say_email: float
    values_say_id_card: float
    values_say_phone: float
    values_say_enum: float
    values_say_timestamp: float
    values_say_date: float
    values_say_address: float
    name_letters_from: float


def load_settings(policy_dir: Path) -> MappingSettings:
    """Read the numbers in force; of several rows of a setting the newest `valid_from` holds.

    Raises:
        UserError: the file is absent, a setting has no row, or a value is no number above 0.
    """
    path = policy_dir / FILE_NAME
    rows = read_policy_rows(path, ("setting", "value", "valid_from"), strip=True)
    written = {row["setting"]: (number, row["value"]) for number, row in sorted(rows, key=lambda r: r[1]["valid_from"])}
    values: dict[str, float] = {}
    for field in fields(MappingSettings):
        if field.name not in written:
            raise UserError(f"{path.name} has no row for {field.name}. Restore it from the repository.")
        number, text = written[field.name]
        values[field.name] = read_number(f"{path.name} row {number}", field.name, text)
    return MappingSettings(**values)

"""Every path and environment variable of the project, read here and nowhere else.

What belongs here: where things lie and how large they may grow. What does not: business rules
(`seeds/policy`) and the promises of each dataset (`data_quality/contracts`).
"""

import re
from datetime import date
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from orchestration.errors import UserError

PROJECT_ROOT = Path(__file__).resolve().parent.parent
SOURCES = ("pos", "ecommerce", "call_center")

_SIZE = re.compile(r"\d+(\.\d+)?\s*([kmgt](i?b)?|b|bytes?)", re.IGNORECASE)


class Settings(BaseSettings):
    """Settings of one deployment; environment variables `C360_…` and `.env` override the defaults."""

    model_config = SettingsConfigDict(env_prefix="C360_", env_file=".env", extra="ignore")

    landing: Path = Field(
        default=Path("data/landing"), validate_default=True, description="Where the sources put their extracts."
    )
    warehouse: Path = Field(
        default=Path("data/warehouse"),
        validate_default=True,
        description="Raw Parquet, working database and published versions.",
    )
    timezone: str = Field(default="Asia/Shanghai", description="Business time zone; times without an offset are in it.")
    as_of: date | None = Field(
        default=None, description="Business day to evaluate at its end; default is the newest delivery date."
    )
    known_on: date | None = Field(
        default=None, description="Leave out deliveries that came after this day; default is to know all of them."
    )
    first_delivery: date = Field(default=date(2010, 1, 1), description="First delivery date that can be a partition.")
    first_partition: date | None = Field(
        default=None,
        description="First day that Dagster offers, not before `first_delivery`; `c360 dev` takes the month of the "
        "oldest delivery, because a bar of thousands of empty days hides the others.",
    )
    threads: int | None = Field(default=None, ge=1, description="DuckDB threads; default is every core.")
    memory_limit: str | None = Field(
        default=None, description="DuckDB memory limit such as `8GB`; default is a fifth of the machine."
    )
    environment: Literal["development", "production"] = Field(
        default="development", description="In `production` the nightly schedule starts switched on."
    )

    alert_webhook_url: SecretStr | None = Field(default=None, description="Where alerts are posted as JSON.")
    alert_webhook_style: Literal["plain", "wecom", "feishu"] = Field(
        default="plain", description="Form of that JSON: plain (Slack, Mattermost), wecom (also DingTalk), feishu."
    )
    alert_smtp_host: str | None = Field(default=None, description="Mail server for alerts.")
    alert_smtp_port: int = Field(default=587, ge=1, le=65535, description="Its port.")
    alert_smtp_security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="How the connection to it is encrypted."
    )
    alert_smtp_user: str | None = Field(default=None, description="User at the mail server; none needs no login.")
    alert_smtp_password: SecretStr | None = Field(default=None, description="Password of that user.")
    alert_mail_from: str | None = Field(default=None, description="Sender of alert mails.")
    alert_mail_to: str | None = Field(default=None, description="Receivers of alert mails, separated by commas.")
    alert_timeout_seconds: float = Field(default=5, gt=0, le=60, description="How long a channel may take to answer.")

    mirror_url: SecretStr | None = Field(
        default=None, description="PostgreSQL server of `c360 mirror`: postgresql://user@host:port/database."
    )

    def __init__(self, **given: Any) -> None:
        """Read the settings.

        Raises:
            UserError: a variable holds what it cannot be; the message names each one, its value and what to write.
        """
        try:
            super().__init__(**given)
        except ValidationError as error:
            faults = "; ".join(_fault(str(found["loc"][0]), found["input"], found["msg"]) for found in error.errors())
            raise UserError(f"{faults}. Correct it in the environment or in .env, and run again.") from None

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (KeyError, ValueError, OSError) as error:
            raise ValueError("write a time zone as the tz database names it, such as Asia/Shanghai") from error
        return name

    @field_validator("memory_limit")
    @classmethod
    def _size(cls, text: str | None) -> str | None:
        if text is not None and not _SIZE.fullmatch(text.strip()):
            raise ValueError("write a size such as 8GB")
        return text

    @field_validator("landing", "warehouse")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        """Make paths absolute at once: dbt and Dagster's own processes work in other folders."""
        return path.expanduser().resolve()

    def is_known(self, delivered: date) -> bool:
        """Say whether a delivery of this date counts, given `known_on`."""
        return self.known_on is None or delivered <= self.known_on

    @property
    def partitions_begin(self) -> date:
        """The first partition of the raw assets."""
        return max(self.first_delivery, self.first_partition or self.first_delivery)

    @property
    def root(self) -> Path:
        """The checkout: seeds, contracts and dbt models are read from it."""
        return PROJECT_ROOT

    @property
    def policy_dir(self) -> Path:
        """Rules a person edits, one CSV each, with a `why` column."""
        return PROJECT_ROOT / "seeds" / "policy"

    @property
    def reference_dir(self) -> Path:
        """Word lists and divisions, one CSV each, with their sources."""
        return PROJECT_ROOT / "seeds" / "reference"

    @property
    def contracts_dir(self) -> Path:
        """One contract file per dataset."""
        return PROJECT_ROOT / "data_quality" / "contracts"

    @property
    def raw_dir(self) -> Path:
        """Raw Parquet: `<source>/<dataset>/delivery_date=YYYY-MM-DD/`."""
        return self.warehouse / "raw"

    @property
    def quarantine_dir(self) -> Path:
        """Copies of the files that could not be read at all."""
        return self.warehouse / "quarantine"

    @property
    def decisions_dir(self) -> Path:
        """What people decided about quarantined rows and doubtful values; kept by no other place, so back it up."""
        return self.warehouse / "decisions"

    @property
    def database(self) -> Path:
        """The working DuckDB file; never opened by BI tools."""
        return self.warehouse / "warehouse.duckdb"

    @property
    def serving_dir(self) -> Path:
        """Published versions and the link `current`."""
        return self.warehouse / "serving"

    @property
    def alerts_dir(self) -> Path:
        """Which alerts are open, and every message of the file channel."""
        return self.warehouse / "alerts"

    @property
    def exports_dir(self) -> Path:
        """Exported audiences, by audience, version and role."""
        return self.warehouse / "exports"

    @property
    def temp_dir(self) -> Path:
        """Spill files and files being written; may be emptied when nothing runs."""
        return self.warehouse / "tmp"

    @property
    def dagster_home(self) -> Path:
        """Where Dagster keeps its runs and events; one per warehouse, shared by CLI and UI."""
        return self.warehouse / "dagster"


def _fault(field: str, value: object, message: str) -> str:
    """What is wrong with one variable; what may be an address or a password is not repeated."""
    shown = "" if field.startswith(("alert_", "mirror_")) else f" is {value!r}"
    return f"C360_{field.upper()}{shown}: {message.removeprefix('Value error, ')}"

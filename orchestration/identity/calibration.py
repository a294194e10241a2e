"""What is peculiar to a file: how many doubles and relatives it holds, how often strangers share a name or a town.

What belongs here: those five numbers, found once from the file's own records, written down, and applied unchanged.
What does not: what agreement weighs (policy, model) and how common one name is (`name_shares.py`), which stand still
from file to file.

The first run that has enough records counts how often strangers share a name or a town, fits the shares of doubles and
relatives to its scored pairs by expectation maximisation, in steps so coarse that a few records more or less give the
same, and writes them to `<warehouse>/identity/calibration.json`. Later runs read them, so a pair weighs the same from
run to run; a file that grew into another order of magnitude is calibrated anew. `c360 identity train` forgets them.
"""

import json
from dataclasses import dataclass
from math import log2
from pathlib import Path

import duckdb

from orchestration.errors import UserError
from orchestration.files import write_whole
from orchestration.identity.policy import IdentityPolicy

CALIBRATION_FORMAT = 2
_NUMBERS = ("duplicates", "relatives", "latin_names", "chinese_names", "towns", "records")


@dataclass(frozen=True)
class Odds:
    """Log odds to the base 2 of one person, and of two relatives, against two strangers."""

    duplicates: float
    relatives: float


def log_odds(probability: float) -> float:
    """Log odds of a probability, to the base 2."""
    return log2(probability / (1 - probability))


class Calibration:
    """The calibration in force for a file of so many records; what is not written down yet is found when asked for.

    Args:
        policy: Names the limits of what can be found.
        path: Where it is written down.
        prior: The model's probability that two random records are one person, which is the same within an order of
            magnitude; a file of too few records takes it as it is.
        records: How many records are compared.

    `enough` says whether there are records enough to find anything.

    Raises:
        UserError: the file at `path` cannot be read.
    """

    def __init__(self, policy: IdentityPolicy, path: Path, prior: float, records: int) -> None:
        self._policy, self._path, self._records = policy, path, records
        self._start = Odds(log_odds(prior), log_odds(prior) + log2(policy.limit("relatives_per_duplicate")))
        self.enough = records >= policy.limit("min_records_to_calibrate")
        self._known = read_calibration(path) if self.enough else {}
        self._step = f"{prior:.6g}"
        self._found: dict[str, float] = dict(self._known.get(self._step, {}))

    def in_force(self) -> tuple[float, ...] | None:
        """The numbers that hold, the model's own in a file of too few records; None: they are yet to be found."""
        if not self.enough:
            return (self._start.duplicates, self._start.relatives)
        return tuple(self._found[n] for n in _NUMBERS) if "duplicates" in self._found else None

    def fit_names(self, connection: duckdb.DuckDBPyConnection, default_share: float) -> None:
        """Raise or lower the shares of `name_shares` by how often strangers share a name in this file.

        Latin names without a share get `default_share`, so raised or lowered.
        """
        for script in ("latin", "chinese"):
            key = f"{script}_names"
            if self.enough and key not in self._found:
                self._found[key] = self._rounded(_commoner(connection, self._policy, script, default_share))
            factor = 2.0 ** self._found.get(key, 0.0)
            connection.execute(
                f"""
                update name_shares set
                    name_share = least(coalesce(name_share, $default) * $factor, 0.1),
                    sound_share = least(coalesce(sound_share, $default) * $factor, 0.1)
                where script = '{script}'
                """,
                {"default": default_share, "factor": factor},
            )

    def fit_towns(self, connection: duckdb.DuckDBPyConnection, expected: float) -> float:
        """Return how many times likelier two strangers name one town in this file than the share `expected`."""
        if self.enough and "towns" not in self._found:
            self._found["towns"] = self._rounded(_closer(connection, self._policy, expected))
        return float(2.0 ** self._found.get("towns", 0.0))

    def odds(self, connection: duckdb.DuckDBPyConnection, share: float = 1.0) -> Odds:
        """Return the odds in force; they are fitted to temporary table `candidate_weights` when not yet known.

        `share` is the share of the candidate pairs that the table holds.
        """
        if not self.enough:
            return self._start
        if "duplicates" not in self._found:
            fitted = _fit(connection, self._policy, self._start, self._records, share)
            self._found |= {
                "duplicates": self._rounded(fitted.duplicates),
                "relatives": self._rounded(fitted.relatives),
                "records": float(self._records),
            }
            _save(self._path, self._known | {self._step: self._found})
        return Odds(self._found["duplicates"], self._found["relatives"])

    def _rounded(self, bits: float) -> float:
        step = self._policy.limit("calibration_step")
        return round(bits / step) * step


def read_calibration(path: Path) -> dict[str, dict[str, float]]:
    """Read what was written down: by the model's prior, the numbers found and how many records they were found from.

    What an earlier version found is found anew.

    Raises:
        UserError: the file is damaged.
    """
    if not path.exists():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] in range(1, CALIBRATION_FORMAT):
            return {}
        if content["format"] != CALIBRATION_FORMAT:
            raise ValueError("format")
        return {step: {name: float(row[name]) for name in _NUMBERS} for step, row in content["by_prior"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"The calibration {path} cannot be read ({type(error).__name__}): "
            "restore it from a backup, or move it away and the next refresh makes a new one."
        ) from error


def _save(path: Path, known: dict[str, dict[str, float]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"format": CALIBRATION_FORMAT, "by_prior": known}
    write_whole(path, json.dumps(content, indent=2, sort_keys=True) + "\n")


def _fit(
    connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy, start: Odds, records: int, share: float
) -> Odds:
    """Repeat: expected doubles and relatives among the candidate pairs by the odds, the odds by their number."""
    odds = start
    for _ in range(int(policy.limit("calibration_rounds"))):
        row = connection.execute(
            """
            select coalesce(sum(one / (1 + one + two)), 0), coalesce(sum(two / (1 + one + two)), 0)
            from (
                select
                    case when excluded then 0 else pow(2, greatest(least(weight + $duplicates, 200), -200)) end as one,
                    pow(2, greatest(least(relatives + $relatives, 200), -200)) as two
                from candidate_weights
            )
            """,
            {"duplicates": odds.duplicates, "relatives": odds.relatives},
        ).fetchone()
        same, related = (found / share for found in row or (0.0, 0.0))
        doubles = min(
            max(same / records, policy.limit("min_duplicates_per_record")), policy.limit("max_duplicates_per_record")
        )
        families = min(
            max(related / records / policy.limit("share_of_relatives_met"), policy.limit("min_relatives_per_record")),
            policy.limit("max_relatives_per_record"),
        )
        odds = Odds(_odds(doubles, records), _odds(families, records))
    return odds


def _commoner(connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy, script: str, default: float) -> float:
    """How many bits likelier two strangers share a name here than the shares in `name_shares` say.

    Strangers are records born on different days in different years; without enough birthdays nothing is known.
    """
    row = connection.execute(
        f"""
        with named as (
            select s.name_key, year(s.birthday) as born, coalesce(n.name_share, $default) as share
            from subjects as s
            inner join name_shares as n using (record_id)
            where s.name_key is not null and s.birthday is not null and n.script = '{script}'
        ),
        by_year as (
            select name_key, born, count(*) as records, any_value(share) as share from named group by name_key, born
        ),
        by_name as (
            select sum(records) as records, sum(records) * sum(records) - sum(records * records) as strangers,
                any_value(share) as share
            from by_year
            group by name_key
        )
        select sum(records), sum(strangers), sum(records * share) / sum(records) from by_name
        """,
        {"default": default},
    ).fetchone()
    records, strangers, expected = row or (0, 0, 0)
    if not records or records < policy.limit("min_records_to_calibrate"):
        return 0.0
    # One pair more than seen: none in a small file does not mean never.
    share = (float(strangers) + 2) / (float(records) * (float(records) - 1))
    bound = policy.limit("max_name_calibration")
    return min(max(log2(share / float(expected)), -bound), bound)


def _closer(connection: duckdb.DuckDBPyConnection, policy: IdentityPolicy, expected: float) -> float:
    """How many bits likelier two records name one town here than `expected`; few towns known: nothing is known."""
    row = connection.execute(
        "select sum(records), sum(records * (records - 1)) "
        "from (select count(*) as records from subjects where city is not null group by city)"
    ).fetchone()
    records, pairs = row or (0, 0)
    if not records or records < policy.limit("min_records_to_calibrate"):
        return 0.0
    bound = policy.limit("max_name_calibration")
    return min(max(log2((float(pairs) + 1) / (float(records) * (float(records) - 1)) / expected), -bound), bound)


def _odds(pairs_per_record: float, records: int) -> float:
    return log_odds(min(0.5, 2 * pairs_per_record / max(records - 1, 1)))

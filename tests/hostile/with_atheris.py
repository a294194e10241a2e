"""Coverage-guided fuzzing of the parsers and of the division of text into rows, by atheris; no test of the suites.

`make fuzz-coverage RUNS=100000` installs atheris beside the environment of the lock file and runs this. It ends at the
first error, with the input that led to it, or after so many runs.
"""

import io
import sys

import atheris  # type: ignore[import-not-found,unused-ignore]

with atheris.instrument_imports(include=["orchestration.cleaning", "orchestration.ingestion"]):
    from orchestration.cleaning import addresses, emails, names, phones
    from orchestration.ingestion.decoding import LineBlock
    from orchestration.ingestion.framing import BadRow, Framer
    from orchestration.ingestion.limits import load_limits
    from orchestration.settings import Settings

LIMITS = load_limits(Settings(_env_file=None).policy_dir)


def one_input(data: bytes) -> None:
    """Read the bytes as a value of each kind, and as rows of three columns of which none may be lost."""
    text = data.decode("utf-8", "ignore")
    for parse in (names.parse, phones.parse, emails.parse, addresses.parse):
        parse(text)
    bad: list[BadRow] = []
    lines = data.decode("utf-8", "replace").encode().split(b"\n")
    framed = Framer(b",", 3, io.BytesIO(), bad.append, LIMITS).frame([LineBlock(1, list(lines))])
    if framed.bad != len(bad):
        raise AssertionError(f"{framed.bad} bad rows were counted and {len(bad)} reported.")
    if any(line.strip() for line in lines) and framed.rows == 0:
        raise AssertionError("No row came of a text that is not blank.")


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()

"""The commands that the pages of the project tell a reader to type.

Blocks are what stands four blanks in after an empty line, or between fences marked sh, bash or console. A command ends
with its line, unless the line ends with a backslash; an explanation stands behind a `#` or three blanks or more.
"""

import csv
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

import typer

from orchestration.cli import app
from orchestration.settings import PROJECT_ROOT

PAGES = [
    "README.md",
    "README.zh-CN.md",
    "CONTRIBUTING.md",
    *sorted(f"docs/{p.name}" for p in PROJECT_ROOT.glob("docs/*.md")),
]
EXCEPTIONS = PROJECT_ROOT / "tests" / "cases" / "documented_commands.csv"
# What a page may tell a reader to type; other indented lines are pictures, SQL or settings.
_PROGRAMS = (
    "c360",
    ".venv/bin/",
    "make",
    "python",
    "bash",
    "duckdb",
    "mkdir",
    "cp",
    "git",
    "uv",
    "docker",
    "cat",
    "printf",
)
_COMMENT = re.compile(r"\s+#\s.*$|\s{3,}\S.*$")
# A word in capitals stands for any command.
_INLINE = re.compile(r"`((?:\.venv/bin/)?c360 (?![A-Z]+ )[^`]+)`")


@dataclass(frozen=True)
class Command:
    """One documented command: page, number of its line, and what is typed."""

    page: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line} {self.text}"


@dataclass(frozen=True)
class Treatment:
    """How the test runs a command: as another one, with another exit status, or not at all, and why."""

    run_as: str
    status: int
    skipped: bool
    why: str


def documented() -> list[Command]:
    """Every command of every page, in the order of the pages."""
    return [command for page in PAGES if (PROJECT_ROOT / page).exists() for command in of_page(page)]


def of_page(page: str) -> list[Command]:
    """The commands of one page, in order."""
    return commands_in((PROJECT_ROOT / page).read_text(encoding="utf-8"), page)


def commands_in(text: str, page: str) -> list[Command]:
    """The commands of a text, in order."""
    found: list[Command] = []
    fence: str | None = None
    pending, started = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith("```"):
            fence = line[3:].strip() or "text" if fence is None else None
            continue
        typed = (
            line if fence in ("sh", "bash", "console") else line[4:] if fence is None and line[:4] == "    " else None
        )
        if typed is None:
            continue
        typed = typed.removeprefix("$ ")
        if not pending and not typed.startswith(_PROGRAMS):
            continue
        # Only a whole line may lose its explanation: the second line of a command may hold anything.
        typed = typed.strip() if pending else _COMMENT.sub("", typed).strip()
        started = started if pending else number
        pending = f"{pending} {typed.removesuffix(chr(92)).strip()}".strip()
        if not typed.endswith("\\"):
            found.append(Command(page, started, pending))
            pending = ""
    return found


def mentioned() -> list[Command]:
    """Every `c360 …` within a sentence that names a command in full."""
    found = []
    for page in PAGES:
        path = PROJECT_ROOT / page
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines() if path.exists() else [], 1):
            found += [Command(page, number, text) for text in _INLINE.findall(line)]
    return found


def treatments() -> dict[str, Treatment]:
    """What is said of single commands in `tests/cases/documented_commands.csv`."""
    with EXCEPTIONS.open(encoding="utf-8", newline="") as file:
        return {
            row["command"]: Treatment(
                row["run_as"] or row["command"], int(row["status"] or 0), row["run"] == "no", row["why"]
            )
            for row in csv.DictReader(file)
        }


def fault_of(text: str, *, named: bool = False) -> str | None:
    """What is wrong with a `c360 …` line as it would be typed; None if it is understood. Nothing is called.

    With `named` a command or a group of them may stand alone, without its arguments, as in a sentence.
    """
    words = shlex.split(text)
    command, words = typer.main.get_command(app), words[1:]
    path = ["c360"]
    while commands := getattr(command, "commands", None):
        if not words and named:
            return None
        if words and words[0] in {"--help", *(option for option_of in command.params for option in option_of.opts)}:
            return None
        if not words or words[0] not in commands:
            return f"{' '.join(path)} has no command {' '.join(words[:1])!r}"
        path.append(words[0])
        command = commands[words.pop(0)]
    if "--help" in words or (named and not words):
        return None
    try:
        command.make_context(" ".join(path), words)
    except Exception as error:
        # Typer keeps the classes of its own errors to itself.
        return f"{' '.join(path)}: {error}"
    return None


def make_targets(makefile: Path = PROJECT_ROOT / "Makefile") -> set[str]:
    """The targets of the Makefile."""
    return set(re.findall(r"^([a-z0-9-]+):", makefile.read_text(encoding="utf-8"), re.MULTILINE))

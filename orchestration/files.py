"""Files beside the database: written whole or not at all, read in whatever encoding a spreadsheet saved them, compared.

What belongs here: how a text gets into and out of a file, checksums of files. What does not: what any file means.
"""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from orchestration.errors import UserError


def write_whole(path: Path, text: str) -> None:
    """Put a text in place of what a file holds; it survives a power cut, and a reader sees the old or the new one.

    Raises:
        OSError: the folder cannot be written; the file is as it was.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with beside.open("w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """Checksum of a file's content, in hexadecimal.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def checksum(paths: Iterable[Path], base: Path) -> str:
    """One checksum of files, in hexadecimal: of content and of place below `base`, so that a renamed rule is a change.

    The order in which the files are named makes no difference, nor does naming one twice.
    """
    digest = hashlib.sha256()
    for path in sorted(set(paths)):
        digest.update(f"{sha256_of(path)} {path.relative_to(base).as_posix()}\n".encode())
    return digest.hexdigest()


def read_spreadsheet_text(path: Path, name: str) -> str:
    """The text of a CSV file that people edit; spreadsheets in China save it as GB18030.

    Raises:
        UserError: it is in neither encoding; the message calls the file `name`.
    """
    content = path.read_bytes()
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UserError(f"{name} is neither UTF-8 nor GB18030 text: save it as CSV UTF-8.")

import dataclasses
import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.ingestion import decoding
from orchestration.ingestion.decoding import detect_encoding, line_end, read_lines, unpack
from orchestration.ingestion.limits import load_limits
from orchestration.ingestion.problems import UnreadableFileError

LIMITS = load_limits(Path(__file__).parents[2] / "seeds" / "policy")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "file"


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (b"plain,ascii\n", "utf-8"),
        ("姓名\n".encode(), "utf-8"),
        ("姓名\n".encode("utf-8-sig"), "utf-8-sig"),
        ("姓名\n张三\n".encode("gbk"), "gb18030"),
        ("姓名\n㐀𠀀\n".encode("gb18030"), "gb18030"),
        ("姓名\n张三\n李四\n".encode() + "王五\n".encode("gbk"), "utf-8"),
        ("姓名\n张三\n李四\n".encode("gbk") + "王五\n".encode(), "gb18030"),
        (b"a,b\n" * 1000 + "姓名\n".encode("gbk"), "gb18030"),
        # Valid UTF-8, of characters nobody means, are 女 and 伟 in GBK.
        ("会员,性别\n".encode("gbk") + "M1,女\n".encode("gbk") * 50, "gb18030"),
        (("M1,女\n" * 50 + "M2,男\n").encode("gbk"), "gb18030"),
        ("a伟\n伟b\n姓名\n".encode("gbk"), "gb18030"),
        # Cut within a character, which is no GBK either.
        ("José\nZoë\n".encode() + b"Ren\xc3,1\n", "utf-8"),
        ("会员,性别\n".encode("gbk") + b"\xd5,1\n" * 50, "gb18030"),
    ],
)
def test_lines_beyond_ascii_vote_for_the_encoding(file: Path, content: bytes, encoding: str) -> None:
    file.write_bytes(content)
    assert detect_encoding(file, LIMITS) == encoding


def test_the_vote_is_the_same_when_lines_are_cut_between_blocks(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "BLOCK_BYTES", 7)
    file.write_bytes("姓名,张三,李四,王五\n".encode() * 20)
    assert detect_encoding(file, LIMITS) == "utf-8"


@pytest.mark.parametrize(
    ("content", "end"),
    [
        (b"a\nb", b"\n"),
        (b"a\r\nb", b"\n"),
        (b"a\rb", b"\r"),
        (b"ab", b"\n"),
        (b"", b"\n"),
        (b'a\r"b\nc"\r', b"\r"),
        (b'a\n"b\rc"\n', b"\n"),
        (b"a\r\r\nb\r\r\n", b"\n"),
        (b'a\n"b\rc\n', b"\n"),
    ],
)
def test_the_line_end_is_a_carriage_return_only_without_line_feeds_outside_quotes(
    file: Path, content: bytes, end: bytes
) -> None:
    file.write_bytes(content)
    assert line_end(file) == end


@given(
    lines=st.lists(st.text(alphabet="a张,😀", max_size=30), min_size=1, max_size=30),
    block=st.integers(1, 40),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "gb18030"]),
)
def test_blocks_of_any_size_give_the_same_numbered_lines(
    tmp_path_factory: pytest.TempPathFactory, lines: list[str], block: int, encoding: str
) -> None:
    file = tmp_path_factory.mktemp("lines") / "file"
    file.write_bytes("".join(line + "\n" for line in lines).encode(encoding))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decoding, "BLOCK_BYTES", block)
        found = {
            part.start + index: line.decode()
            for part in read_lines(file, encoding, LIMITS)  # type: ignore[arg-type]
            for index, line in enumerate(part.lines)
        }
    assert found == dict(enumerate(lines, 1))


def test_lines_past_the_limit_are_cut_and_the_count_of_lines_stays_right(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "BLOCK_BYTES", 64)
    limits = dataclasses.replace(LIMITS, max_row_bytes=50, kept_raw_characters=5)
    file.write_bytes(b"one\n" + b"x" * 500 + b"\nthree\n" + b"y" * 51 + b"\nfive\n" + b"z" * 300)
    found = {}
    for part in read_lines(file, "utf-8", limits):
        for index, line in enumerate(part.lines):
            fault = part.faults.get(index)
            found[part.start + index] = (fault.reason, fault.raw) if fault else line
    assert found == {
        1: b"one",
        2: ("row_too_long", "xxxxx"),
        3: b"three",
        4: ("row_too_long", "yyyyy"),
        5: b"five",
        6: ("row_too_long", "zzzzz"),
    }


def test_an_archive_of_several_members_is_unpacked_whole(file: Path, tmp_path: Path) -> None:
    file.write_bytes(gzip.compress(b"a\n") + gzip.compress(b"b\n"))
    unpack(file, tmp_path / "out", LIMITS)
    assert (tmp_path / "out").read_bytes() == b"a\nb\n"


def test_a_small_archive_may_shrink_as_well_as_it_likes(file: Path, tmp_path: Path) -> None:
    file.write_bytes(gzip.compress(b"0" * 10_000_000))
    unpack(file, tmp_path / "out", LIMITS)
    assert (tmp_path / "out").stat().st_size == 10_000_000


def test_an_archive_past_the_size_limit_is_a_bomb(file: Path, tmp_path: Path) -> None:
    file.write_bytes(gzip.compress(b"0" * 1_000_000))
    with pytest.raises(UnreadableFileError) as raised:
        unpack(file, tmp_path / "out", dataclasses.replace(LIMITS, max_unpacked_bytes=1000))
    assert raised.value.problem.reason == "archive_bomb"

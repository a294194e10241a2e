import csv
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.cleaning.names import NameParser, mask, parse
from orchestration.cleaning.wordlists import POLICY_DIR, REFERENCE_DIR
from orchestration.errors import UserError

CASES = list(csv.DictReader((Path(__file__).parents[1] / "cases" / "chinese_names.csv").open(encoding="utf-8")))
CHECKED = [c for c in CASES[0] if c not in {"written", "why"}]
KINDS = {"full", "surname_only", "masked", "nickname", "company", "latin", "empty"}

# Characters that meet in name columns: surnames, titles, masks, brackets, Latin, digits, other scripts.
ODD_TEXT = st.text(
    alphabet=st.one_of(
        st.sampled_from(
            "张王欧阳司马伟娜明先生女士小姐太总经理老师工姐哥阿某测试·*＊（）()【】/、,.-_ 　ABjohnWei138VIP業張\u200b"
        ),
        st.characters(),
    ),
    max_size=16,
)
HAN_NAME = st.builds(
    lambda s, g: s + g,
    st.sampled_from(["张", "王", "李", "欧阳", "司马", "单"]),
    st.text(alphabet="伟芳娜敏静强磊军洋勇艳杰娟涛明超秀霞平刚桂", min_size=1, max_size=2),
)

# A name as it stands in an extract: a lead, a name, a title, a remark.
DRESSED_NAME = st.builds(
    lambda *parts: "".join(parts),
    st.sampled_from(["", "VIP", "姓名：", "尊敬的", " ", "A", "小", "老"]),
    st.one_of(
        HAN_NAME, st.sampled_from(["张", "王*", "欧阳**", "李某某", "買買提·艾力", "Wei Zhang", "JOHN SMITH", "乐乐"])
    ),
    st.sampled_from(["", " ", "先生", "女士", "总经理", "老师", "哥", "姐"]),
    st.sampled_from(["", "(VIP)", "（女）", "/李娜", "13912345670", "收", " David", "\u200b"]),
)


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c['written']!r} ({c['why']})")
def test_a_written_name_is_read_as_a_person_would(case: dict[str, str]) -> None:
    parsed = asdict(parse(case["written"]))
    assert {c: parsed[c] or "" for c in CHECKED} == {c: case[c] for c in CHECKED}


@settings(max_examples=400, deadline=None)
@given(ODD_TEXT)
def test_no_text_makes_the_parser_fail_and_the_parts_agree_with_the_kind(text: str) -> None:
    parsed = parse(text)
    assert parsed.kind in KINDS
    assert parsed.gender_evidence in {None, "male", "female"}
    assert parsed.honorific_class in {None, "gendered", "rank", "kinship"}
    assert (parsed.display_name is None) == (parsed.kind == "empty")
    if parsed.kind not in {"full", "latin"}:
        assert parsed.name_key is None
    if parsed.kind == "full":
        assert parsed.name_key
        assert parsed.given_name


@settings(max_examples=400, deadline=None)
@given(ODD_TEXT)
def test_the_masked_form_never_shows_a_given_name_of_a_full_name(text: str) -> None:
    parsed = parse(text)
    if parsed.kind == "full" and parsed.surname:
        assert parsed.masked_name is not None
        assert parsed.masked_name.startswith(parsed.surname)
        assert set(parsed.masked_name[len(parsed.surname) :]) <= {"*", "·"}


@settings(max_examples=200, deadline=None)
@given(HAN_NAME, st.sampled_from(["", " ", "先生", "女士", "(VIP)", "（女）", "总经理"]))
def test_a_name_reads_the_same_whatever_stands_beside_it(name: str, beside: str) -> None:
    plain, dressed = parse(name), parse(name + beside)
    assert (dressed.surname, dressed.given_name, dressed.name_key) == (plain.surname, plain.given_name, plain.name_key)
    assert dressed.display_name == name


@settings(max_examples=400, deadline=None)
@given(DRESSED_NAME)
def test_the_display_form_reads_as_itself(text: str) -> None:
    display = parse(text).display_name
    if display is not None:
        assert parse(display).display_name == display


@pytest.mark.parametrize("written", [c["written"] for c in CASES])
def test_the_display_form_of_every_case_reads_as_itself(written: str) -> None:
    parsed = parse(written)
    if parsed.display_name is not None:
        again = parse(parsed.display_name)
        assert (again.display_name, again.name_key) == (parsed.display_name, parsed.name_key)


@pytest.mark.parametrize(
    ("written", "gender", "stronger_than"),
    [
        ("张先生", "male", 0.98),
        ("王芳女士", "female", 0.98),
        ("李姐", "female", 0.9),
        ("张伟（女）", "female", 0.9),
        ("张总", None, None),
        ("王芳经理", None, None),
        ("先生/女士", None, None),
    ],
)
def test_what_is_written_tells_a_gender_with_its_strength(
    written: str, gender: str | None, stronger_than: float | None
) -> None:
    parsed = parse(written)
    assert parsed.gender_evidence == gender
    assert (parsed.gender_strength is None) == (gender is None)
    if stronger_than is not None:
        assert parsed.gender_strength is not None
        assert parsed.gender_strength > stronger_than


@pytest.mark.parametrize(
    ("written", "gender"), [("王芳", "female"), ("张建军", "male"), ("刘洋", None), ("张总", None)]
)
def test_characters_of_a_given_name_only_suggest_a_gender(written: str, gender: str | None) -> None:
    parsed = parse(written)
    assert (parsed.given_name_gender, parsed.gender_evidence) == (gender, None)
    assert (parsed.given_name_gender_share or 1) >= 0.8


def test_han_and_pinyin_of_one_name_share_the_pinyin_key() -> None:
    for han, latin in [
        ("张伟", "ZHANG Wei"),
        ("欧阳娜娜", "Nana Ouyang"),
        ("单雄信", "Shan Xiongxin"),
        ("吕布", "Lü Bu"),
    ]:
        assert parse(han).pinyin_key == parse(latin).pinyin_key
        assert parse(han).initials == parse(latin).initials


def test_homophones_share_the_pinyin_key_and_not_the_name_key() -> None:
    assert parse("张伟").pinyin_key == parse("章玮").pinyin_key
    assert parse("张伟").name_key != parse("章玮").name_key


@pytest.mark.parametrize(
    ("display", "surname", "masked"),
    [
        ("张伟", "张", "张*"),
        ("张小明", "张", "张**"),
        ("欧阳娜娜", "欧阳", "欧阳**"),
        ("张", "张", "张*"),
        ("买买提·艾力", None, "买**·**"),
        ("小张", "张", "小*"),
        ("John Smith", "Smith", "J*** S***"),
        ("Q", None, "*"),
    ],
)
def test_the_mask_keeps_the_surname_and_hides_the_rest(display: str, surname: str | None, masked: str) -> None:
    assert mask(display, surname) == masked


def test_a_threshold_that_is_no_number_is_named(tmp_path: Path) -> None:
    shutil.copytree(POLICY_DIR, tmp_path / "policy")
    thresholds = tmp_path / "policy" / "name_thresholds.csv"
    thresholds.write_text("threshold,value\npinyin_word_minimum_weight,low\n", encoding="utf-8")
    with pytest.raises(UserError, match="pinyin_word_minimum_weight: 'low' is no number"):
        NameParser(REFERENCE_DIR, tmp_path / "policy")


def test_a_missing_word_list_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"name_characters\.csv is missing"):
        NameParser(tmp_path, POLICY_DIR)

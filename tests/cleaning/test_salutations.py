import pytest

from orchestration.cleaning.salutations import salutation


@pytest.mark.parametrize(
    ("surname", "display", "known", "expected"),
    [
        ("张", "张伟", {"honorific": "先生", "honorific_class": "gendered", "gender": "male"}, "张先生"),
        ("张", "张伟", {"honorific": "小姐", "honorific_class": "gendered", "gender": "female"}, "张小姐"),
        ("张", "张伟", {"honorific": "总", "honorific_class": "rank"}, "张总"),
        ("张", "张伟", {"honorific": "总", "honorific_class": "rank", "gender": "male"}, "张先生"),
        ("张", "张伟", {"gender": "female"}, "张女士"),
        ("张", "张", {"honorific": "姐", "honorific_class": "kinship", "gender": "female"}, "张姐"),
        ("张", "张伟", {}, "张伟"),
        (None, "乐乐", {}, "乐乐"),
        (None, None, {"honorific": "先生", "honorific_class": "gendered", "gender": "male"}, "先生"),
        (None, None, {"honorific": "总", "honorific_class": "rank"}, None),
        (None, None, {}, None),
        ("Smith", "John Smith", {"honorific": "Dr", "honorific_class": "rank"}, "Dr Smith"),
        ("Smith", "John Smith", {"gender": "female"}, "Ms Smith"),
    ],
)
def test_a_person_is_addressed_by_what_is_known(
    surname: str | None, display: str | None, known: dict[str, str], expected: str | None
) -> None:
    assert salutation(surname, display, **known) == expected

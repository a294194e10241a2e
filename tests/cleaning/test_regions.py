import pytest

from orchestration.cleaning.regions import Place, find


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("广东省深圳市南山区", Place("广东省", "深圳市", "南山区")),
        ("广东深圳", Place("广东省", "深圳市", None)),
        ("深圳南山", Place("广东省", "深圳市", "南山区")),
        ("北京", Place("北京市", "北京市", None)),
        ("朝阳区", Place(None, None, "朝阳区")),
        ("朝阳市", Place("辽宁省", "朝阳市", None)),
        ("南京东路", Place(None, None, None)),
        ("内蒙古", Place("内蒙古自治区", None, None)),
        ("没有地方", Place(None, None, None)),
        ("", Place(None, None, None)),
    ],
)
def test_a_place_is_completed_only_where_the_text_decides_it(text: str, place: Place) -> None:
    assert find(text) == place


def test_a_province_or_city_written_alone_gets_its_official_name() -> None:
    assert find("广西").province == "广西壮族自治区"
    assert find("深圳").city == "深圳市"
    assert find("延边州").city == "延边朝鲜族自治州"
    assert find("广东").city is None

"""The eight contract files keep what the interface of the extracts promises."""

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from data_quality.contract import Column, Contract, ContractError, load_contracts, normalise_header, normalise_spelling

# Columns in the order of the interface; `*` marks the key and `!` required columns.
INTERFACE = {
    "pos_members": "member_id*! name phone gender birthday id_card city address store_id registered_at",
    "pos_sales": """
        ticket_id*! line_no*! sold_at! store_id member_id phone sku! product_name category
        quantity! unit_price discount amount! payment_method
    """,
    "ecommerce_customers": """
        account_id*! username name phone email unionid gender birthday province city address
        registered_at referrer_account_id marketing_consent
    """,
    "ecommerce_orders": """
        order_id*! line_no*! ordered_at! account_id receiver_name receiver_phone receiver_address
        sku! product_name category quantity! unit_price discount amount! status! channel
        coupon_code
    """,
    "ecommerce_events": "event_id*! occurred_at! account_id session_id event_type! sku category channel",
    "call_center_cases": """
        case_id*! opened_at! first_response_at resolved_at caller_name caller_phone member_id
        account_id channel direction case_type topic need is_resolved handled_by agent_id
    """,
    "call_center_surveys": "survey_id*! responded_at! case_id phone member_id account_id nps csat comment",
    "call_center_outreach": """
        contact_id*! sent_at! campaign_id arm channel phone member_id account_id delivered_at
        opened_at clicked_at responded_at next_action next_action_due note
    """,
}
# Headers that the interface names, and what they must mean.
CHINESE_HEADERS = {
    "pos_members": """
        会员号=member_id 姓名=name 手机号=phone 性别=gender 生日=birthday
        城市=city 地址=address 门店=store_id 注册时间=registered_at
    """,
    "pos_sales": """
        小票号=ticket_id 商品编码=sku 商品名称=product_name 品类=category
        数量=quantity 单价=unit_price 优惠=discount 实付金额=amount
        会员号=member_id 门店=store_id 手机号=phone
    """,
    "ecommerce_orders": """
        订单号=order_id 下单时间=ordered_at 商品编码=sku 数量=quantity
        实付金额=amount 状态=status
    """,
    "call_center_cases": """
        工单号=case_id 来电人=caller_name 来电号码=caller_phone 受理时间=opened_at
        首次响应时间=first_response_at 解决时间=resolved_at
    """,
}
CONTRACTS = load_contracts()


def test_there_is_one_contract_for_each_dataset() -> None:
    assert set(CONTRACTS) == set(INTERFACE)


@pytest.mark.parametrize("table", INTERFACE)
def test_columns_keys_and_required_columns_are_those_of_the_interface(table: str) -> None:
    written = INTERFACE[table].split()
    contract = CONTRACTS[table]
    assert list(contract.columns) == [name.rstrip("*!") for name in written]
    assert contract.key == [name.rstrip("*!") for name in written if "*" in name]
    assert contract.required == [name.rstrip("*!") for name in written if "!" in name]


@pytest.mark.parametrize("table", ["pos_sales", "ecommerce_orders"])
@pytest.mark.parametrize("column", ["quantity", "unit_price", "discount", "amount"])
def test_ten_thousand_of_the_largest_lines_fit_the_decimals_that_they_are_summed_in(table: str, column: str) -> None:
    limits = CONTRACTS[table].columns[column]
    assert limits.maximum is not None
    assert limits.minimum == -limits.maximum
    assert limits.maximum * 10_000 <= 10 ** (18 - 4)


@pytest.mark.parametrize("table", CHINESE_HEADERS)
def test_the_headers_that_the_interface_names_are_known(table: str) -> None:
    for pair in CHINESE_HEADERS[table].split():
        header, column = pair.split("=")
        assert CONTRACTS[table].column_of_header(header) == column


@pytest.mark.parametrize(
    ("table", "column", "spelling", "meaning"),
    [
        ("call_center_cases", "channel", "电话", "phone"),
        ("call_center_cases", "channel", "在线", "chat"),
        ("call_center_cases", "case_type", "投诉", "complaint"),
        ("call_center_cases", "case_type", "咨询", "inquiry"),
        ("call_center_cases", "case_type", "报修", "repair"),
        ("call_center_cases", "case_type", "建议", "suggestion"),
        ("call_center_cases", "topic", "物流", "物流"),
        ("call_center_cases", "need", "情感", "emotional"),
        ("call_center_cases", "is_resolved", "是", "true"),
        ("call_center_cases", "is_resolved", "N", "false"),
        ("call_center_cases", "is_resolved", "1", "true"),
        ("call_center_cases", "handled_by", "机器人", "bot"),
        ("ecommerce_orders", "status", " ＰＡＩＤ ", "paid"),
        ("ecommerce_orders", "status", "已取消", "cancelled"),
        ("ecommerce_orders", "channel", "小程序", "mini_program"),
        ("ecommerce_events", "event_type", "Add To Cart", "add_to_cart"),
        ("ecommerce_customers", "gender", "女士", "female"),
        ("call_center_outreach", "arm", "对照组", "control"),
    ],
)
def test_values_have_their_chinese_and_english_spellings(table: str, column: str, spelling: str, meaning: str) -> None:
    assert CONTRACTS[table].columns[column].spellings[normalise_spelling(spelling)] == meaning


def test_only_plans_may_lie_after_the_delivery() -> None:
    ahead = [
        f"{table}.{name}"
        for table, contract in CONTRACTS.items()
        for name, column in contract.columns.items()
        if column.type in ("date", "timestamp") and not column.not_after_delivery
    ]
    assert ahead == ["call_center_outreach.next_action_due"]


def test_names_contacts_birthdays_and_free_text_are_personal() -> None:
    for table, contract in CONTRACTS.items():
        for name, column in contract.columns.items():
            if column.type in ("name", "phone", "email", "address", "id_card") or name in (
                "birthday",
                "comment",
                "note",
            ):
                assert column.personal, f"{table}.{name}"


def test_unknown_values_of_required_columns_are_quarantined_and_of_others_reported() -> None:
    for contract in CONTRACTS.values():
        for name, column in contract.columns.items():
            if column.type == "enum":
                assert column.unknown_value == ("quarantine" if name in contract.required else "warn")
                assert column.values


def test_quantities_are_not_zero_and_scores_have_their_range() -> None:
    assert CONTRACTS["pos_sales"].columns["quantity"].not_zero
    assert CONTRACTS["ecommerce_orders"].columns["quantity"].not_zero
    surveys = CONTRACTS["call_center_surveys"].columns
    assert (surveys["nps"].minimum, surveys["nps"].maximum) == (0, 10)
    assert (surveys["csat"].minimum, surveys["csat"].maximum) == (1, 5)


def test_a_header_with_two_meanings_is_refused() -> None:
    with pytest.raises(ValidationError, match="alias of both"):
        Contract.model_validate(
            {
                "source": "pos", "dataset": "x", "description": "", "grain": "", "key": ["a"],
                "columns": {"a": {"type": "text", "aliases": ["编 号"]}, "b": {"type": "text", "aliases": ["编号"]}},
            }
        )  # fmt: skip


def test_a_spelling_with_two_meanings_is_refused() -> None:
    with pytest.raises(ValidationError, match="means both"):
        Column.model_validate({"type": "enum", "values": {"a": ["X"], "b": ["ｘ"]}})
    with pytest.raises(ValidationError, match="empty_values"):
        Column.model_validate({"type": "enum", "values": {"a": ["x"]}, "empty_values": ["X "]})


def test_a_broken_contract_file_names_itself(tmp_path: Path) -> None:
    (tmp_path / "pos_x.yml").write_text("source: pos\ndataset: x\ncolumns: {a: {type: colour}}\n")
    with pytest.raises(ValueError, match=r"pos_x.yml is not valid"):
        load_contracts(tmp_path)


def test_null_tokens_are_folded_single_and_apply_to_known_types() -> None:
    lines = (Path(__file__).parents[2] / "seeds/policy/null_tokens.csv").read_text(encoding="utf-8").splitlines()
    rows = [line.split(",", 3) for line in lines[1:]]
    tokens = [row[0] for row in rows]
    assert len(set(tokens)) == len(tokens)
    for token, applies_to, valid_from, why in rows:
        assert normalise_spelling(token) == token.casefold()
        assert applies_to in ("any", "not_name", "date")
        assert re.fullmatch(r"\d{4}-\d\d-\d\d", valid_from)
        assert why


def test_headers_fold_width_case_blanks_and_byte_order_marks() -> None:
    assert normalise_header("\ufeff Member－ID\u200b ") == normalise_header("ＭＥＭＢＥＲ_id") == "memberid"


@pytest.mark.parametrize(
    ("written", "named"),
    [("source: pos\ncolumns: [", "no valid YAML"), ("source: shop\n", "source: .*found 'shop'"), ("[]", "the file: ")],
)
def test_a_contract_that_is_not_valid_is_named_with_the_setting_and_the_value(
    tmp_path: Path, written: str, named: str
) -> None:
    (tmp_path / "pos_sales.yml").write_text(written, encoding="utf-8")
    with pytest.raises(ContractError, match=named) as refused:
        load_contracts(tmp_path)
    assert "pos_sales.yml" in str(refused.value)

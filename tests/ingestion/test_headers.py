from data_quality.contract import load_contracts
from orchestration.ingestion.headers import HeaderReader

SALES = HeaderReader(load_contracts()["pos_sales"])
COMPLETE = ["ticket_id", "line_no", "sold_at", "sku", "quantity", "amount"]


def test_of_two_aliases_the_earlier_in_the_contract_wins() -> None:
    aliases = load_contracts()["pos_sales"].columns["amount"].aliases
    mapping = SALES.map([aliases[5], aliases[1]])
    assert mapping.positions == {"amount": [1]}
    assert mapping.extras == {aliases[5]: 0}


def test_rows_may_choose_among_spellings_where_the_format_allows_it() -> None:
    mapping = SALES.map(["手机号", "phone"], rows_choose=True)
    assert mapping.positions == {"phone": [1, 0]}
    assert mapping.extras == {}


def test_a_header_that_repeats_a_contract_column_is_a_problem_and_an_unknown_one_is_not() -> None:
    header = [*COMPLETE, "Amount ", "x", "x"]
    problem = SALES.problem(SALES.map(header), header)
    assert problem is not None
    assert problem.reason == "duplicate_column"
    header = [*COMPLETE, "x", "x"]
    assert SALES.problem(SALES.map(header), header) is None


def test_a_missing_key_outranks_a_missing_required_column() -> None:
    header = ["line_no", "sku"]
    problem = SALES.problem(SALES.map(header), header)
    assert problem is not None
    assert problem.reason == "missing_key_column"
    assert "'ticket_id'" in problem.message
    assert "pos_sales.yml" in problem.message


def test_nameless_columns_get_their_position_as_name() -> None:
    mapping = SALES.map([*COMPLETE, "", " "])
    assert mapping.extras == {"column_7": 6, "column_8": 7}
    assert mapping.unnamed == {"column_7", "column_8"}

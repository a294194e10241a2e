import duckdb
import pytest

from data_quality.personal_data import (
    declared_sql,
    is_identifier,
    load_patterns,
    redacted_sql,
    repeating_columns_sql,
    scan_sql,
)

TEXT = {p.kind: p.regex for p in load_patterns() if p.applies_to == "text"}


def kinds(value: str) -> set[str]:
    return {
        k for k, regex in TEXT.items() if duckdb.execute("select regexp_matches(?, ?)", [value, regex]).fetchone()[0]
    }


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("13812345678", {"mobile"}),
        ("19912345678", {"mobile"}),
        ("tel:(138)12345678", set()),
        ("+8613812345678", {"mobile"}),
        ("0086-13812345678", {"mobile"}),
        ("电话：138 1234 5678。", {"mobile"}),
        ("12345678901", set()),
        ("138123456789", set()),
        ("138****5678", set()),
        ("a@b.cn", {"email"}),
        ("z***@b.cn", set()),
        ("11010519491231002x", {"id_card"}),
        ("110105194913310021", set()),
        ("202606301234567890", set()),
        ("d41d8cd98f00b204e9800998ecf8427e", set()),
        ("雨伞 500ml*12", set()),
    ],
)
def test_what_counts_as_personal_in_free_text(value, expected):
    assert kinds(value) == expected


@pytest.mark.parametrize(
    ("written", "published"),
    [
        ("13812345678 13912345678", "*****"),
        ("members_2026.csv", "members_2026.csv"),
        ("to a@b.cn", "to ***"),
        (None, None),
    ],
)
def test_redaction_stars_what_the_scan_would_find(written, published):
    sql = f"select {redacted_sql('given')} from (select cast(? as varchar) as given)"
    assert duckdb.execute(sql, [written]).fetchone() == (published,)


@pytest.mark.parametrize(
    ("column", "identifier"),
    [("sku", True), ("order_id", True), ("sale_line_key", True), ("dimension_value", True), ("topic", False)],
)
def test_identifiers_are_told_from_text(column, identifier):
    assert is_identifier(column) is identifier


def test_an_agent_who_goes_by_a_mailbox_is_a_warning_wherever_the_agent_is_named():
    with duckdb.connect() as con:
        con.execute("""create schema marts; create table marts.service_measures as
            select 'agent' as dimension, 'li.na@shop.example' as dimension_value""")
        columns = [("marts", "service_measures", name, "VARCHAR") for name in ("dimension", "dimension_value")]
        assert con.execute(scan_sql(columns, "text") or "").fetchall() == []
        assert con.execute(scan_sql(columns, "identifier") or "").fetchall() == [
            ("marts.service_measures", "dimension_value", "email", 1)
        ]


def test_names_of_tables_and_columns_cannot_break_the_scan():
    duckdb_columns = [("marts", 'o"dd', "it's", "VARCHAR")]
    with duckdb.connect() as con:
        con.execute("""create schema marts; create table marts."o""dd" as select '13812345678' as "it's" """)
        found = con.execute(scan_sql(duckdb_columns, "text") or "").fetchall()
        assert found == [('marts.o"dd', "it's", "mobile", 1)]
        assert con.execute(declared_sql(duckdb_columns, {"it's"}) or "").fetchall() == [
            ('marts.o"dd', "it's", "declared", 1)
        ]


def test_a_column_that_repeats_itself_is_looked_at_by_value_and_told_by_row():
    with duckdb.connect() as con:
        con.execute(
            """create schema marts; create table marts.calls as
            select
                case i % 50 when 0 then '请回电 13812345678' when 1 then 'a@b.cn, 13812345678' when 2 then null
                    else 'topic ' || i % 50 end as topic,
                'note ' || i as note, ['13812345678'] as numbers
            from range(20000) as t(i); create table marts.few as select topic from marts.calls limit 100"""
        )
        columns = con.execute(
            "select schema_name, table_name, column_name, data_type from duckdb_columns() where schema_name = 'marts'"
        ).fetchall()
        repeating = set(con.execute(repeating_columns_sql(columns) or "").fetchall())
        assert repeating == {("marts", "calls", "topic")}
        by_row = con.execute(scan_sql(columns, "text") or "").fetchall()
        by_value = con.execute(scan_sql(columns, "text", repeating) or "").fetchall()
    assert ("marts.calls", "topic", "mobile", 800) in by_row
    assert ("marts.calls", "numbers", "mobile", 20_000) in by_row
    assert sorted(by_value) == sorted(by_row)


def test_numbers_and_dates_are_not_scanned():
    assert (
        scan_sql([("marts", "fct_sales", "amount", "DECIMAL(18,4)"), ("marts", "fct_sales", "on", "DATE")], "text")
        is None
    )


def test_a_broken_pattern_is_named_with_its_row(tmp_path):
    path = tmp_path / "personal_data_patterns.csv"
    path.write_text("kind,applies_to,regex,valid_from,why\nmobile,text,(1[3-9],2000-01-01,w\n")
    with pytest.raises(ValueError, match=r"personal_data_patterns\.csv row 2"):
        load_patterns(path)
    path.write_text("kind,applies_to,regex,valid_from,why\nmobile,all,1,2000-01-01,w\n")
    with pytest.raises(ValueError, match="applies_to is 'all'"):
        load_patterns(path)

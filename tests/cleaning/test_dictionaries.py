import shutil
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from orchestration.cleaning import dictionaries, names, wordlists
from orchestration.settings import Settings

COLUMNS = {
    "names": "value surname given_name honorific honorific_class gender_evidence gender_strength "
    "given_name_gender given_name_gender_share kind name_key pinyin_key initials display_name "
    "masked_name salutation rule",
    "phones": "value e164 kind national masked_phone region rule",
    "emails": "value email local_part domain masked_email rule",
    "addresses": "value province city district road number building unit room address_key rule",
}
BUILDERS = {
    "names": dictionaries.build_names,
    "phones": dictionaries.build_phones,
    "emails": dictionaries.build_emails,
    "addresses": dictionaries.build_addresses,
}


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        connection.execute("create schema clean")
        connection.execute(
            "create table clean.pos_members as select * from (values "
            "('张伟先生', '+86 139 1234 5670', '深圳南山区科技园南路12号'), ('张伟先生', null, null), "
            "(null, '无', '')) as t(name, phone, address)"
        )
        connection.execute(
            "create table clean.ecommerce_customers as select * from (values "
            "('Wei Zhang', '13912345670', 'Zhang@QQ.com', null)) as t(name, phone, email, address)"
        )
        yield connection


def _count_readings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    read: list[str] = []
    parse = names.NameParser.parse

    def counted(self: names.NameParser, value: str | None) -> names.ParsedName:
        read.append(value or "")
        return parse(self, value)

    monkeypatch.setattr(names.NameParser, "parse", counted)
    return read


@pytest.mark.parametrize("dictionary", BUILDERS)
def test_a_dictionary_has_the_columns_that_the_architecture_promises(
    con: duckdb.DuckDBPyConnection, dictionary: str
) -> None:
    BUILDERS[dictionary](con, Settings())
    assert [c[0] for c in con.execute(f"describe clean.{dictionary}").fetchall()] == COLUMNS[dictionary].split()


def test_every_delivered_value_of_every_table_is_read_once(con: duckdb.DuckDBPyConnection) -> None:
    assert dictionaries.build_names(con, Settings()) == 2
    assert dictionaries.build_phones(con, Settings()) == 3
    assert dictionaries.build_emails(con, Settings()) == 1
    assert dictionaries.build_addresses(con, Settings()) == 2
    rows = con.execute("select value, display_name, pinyin_key from clean.names order by value").fetchall()
    assert rows == [("Wei Zhang", "Zhang Wei", "zhangwei"), ("张伟先生", "张伟", "zhangwei")]


def test_values_seen_before_are_not_read_again(con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    dictionaries.build_names(con, Settings())
    read = _count_readings(monkeypatch)
    con.execute("insert into clean.pos_members values ('李娜', null, null)")
    assert dictionaries.build_names(con, Settings()) == 3
    assert read == ["李娜"]


def test_a_value_that_is_gone_from_the_clean_tables_is_gone_from_the_dictionary(con: duckdb.DuckDBPyConnection) -> None:
    dictionaries.build_names(con, Settings())
    con.execute("delete from clean.ecommerce_customers")
    assert dictionaries.build_names(con, Settings()) == 1
    assert con.execute("select value from clean.names").fetchall() == [("张伟先生",)]


def test_a_changed_word_list_makes_every_value_be_read_again(
    con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    reference = tmp_path / "reference"
    shutil.copytree(wordlists.REFERENCE_DIR, reference)
    monkeypatch.setattr(Settings, "reference_dir", property(lambda self: reference))
    dictionaries.build_names(con, Settings())
    read = _count_readings(monkeypatch)
    with (reference / "name_placeholders.csv").open("a", encoding="utf-8") as file:
        file.write("张伟先生,exact\n")
    dictionaries.build_names(con, Settings())
    assert sorted(read) == ["Wei Zhang", "张伟先生"]


def test_without_clean_tables_the_dictionaries_are_empty() -> None:
    with duckdb.connect() as con:
        con.execute("create schema clean")
        assert [build(con, Settings()) for build in BUILDERS.values()] == [0, 0, 0, 0]


def test_changes_shows_what_was_changed_and_leaves_out_what_was_not(con: duckdb.DuckDBPyConnection) -> None:
    for build in BUILDERS.values():
        build(con, Settings())
    dictionaries.build_changes_view(con)
    rows = con.execute("select dictionary, value, clean_value, rule from clean.changes").fetchall()
    assert ("names", "张伟先生", "张伟", "honorific") in rows
    assert ("phones", "+86 139 1234 5670", "+8613912345670", "separators") in rows
    assert ("emails", "Zhang@QQ.com", "zhang@qq.com", "case") in rows
    assert "13912345670" not in {r[1] for r in rows}

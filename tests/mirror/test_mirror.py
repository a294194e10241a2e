"""The mirror on a real PostgreSQL server."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import psycopg
import pytest

from orchestration.errors import UserError
from orchestration.mirror.keys import Keys
from orchestration.mirror.mirror import mirror
from tests.mirror.conftest import PASSWORD

pytestmark = [pytest.mark.slow, pytest.mark.server]

PEOPLE = "create table marts.people as select * from (values ('c1', 1), ('c2', 2)) as p(customer_id, orders);"
KEYS = {"marts.people": Keys(primary=("customer_id",))}


def test_every_type_arrives_with_its_values(made, target, ask):
    version = made(
        1,
        """
        create table marts.odd as select * from (values (
            'quote " comma , \\ back' || chr(10) || '第二行' || chr(0),
            '', null::varchar, true, 12.3400::decimal(18, 4),
            170141183460469231731687303715884105727::hugeint, 'nan'::double, 'inf'::double, 1e-300::double,
            date '0001-01-01', time '23:59:59.999999', timestamp '2026-06-30 23:59:59.123456',
            timestamptz '2026-06-30 12:00:00+08', interval '1 day 2 hours', '\\x00\\xFF'::blob,
            '0b0f0f5e-0000-4000-8000-000000000001'::uuid, 'b'::enum('a', 'b')
        )) as t(text, empty_text, no_text, yes, money, huge, no_number, endless, tiny, day, clock, moment, instant,
                span, bytes, id, choice);
        create table marts.lists as select * from (values
            (['a', null, '', 'NULL', '{"x"}', 'back\\', '中 文'], [1.50::decimal(9, 2), null], [date '2026-06-30'],
             map {'k': 'v"'}, {'a': 1, 'b': ['x']}, [[1, 2], [3]]),
            ([], null, null, null, null, null)
        ) as t(texts, amounts, days, pairs, nested, twice);
        """,
    )
    mirror(version, target, keys={})
    (row,) = ask("set timezone = 'UTC'; select * from c360_marts.odd") or [()]
    assert row[:6] == ('quote " comma , \\ back\n第二行', "", None, True, Decimal("12.3400"), 2**127 - 1)
    assert str(row[6]) == "nan"
    assert row[7:9] == (float("inf"), 1e-300)
    assert row[9:12] == (date(1, 1, 1), time(23, 59, 59, 999999), datetime(2026, 6, 30, 23, 59, 59, 123456))  # noqa: DTZ001 - business time
    assert row[12].astimezone(UTC) == datetime(2026, 6, 30, 4, tzinfo=UTC)
    assert row[13:] == (
        timedelta(days=1, hours=2),
        b"\x00\xff",
        UUID("0b0f0f5e-0000-4000-8000-000000000001"),
        "b",
    )
    assert ask("select * from c360_marts.lists order by cardinality(texts) desc") == [
        (
            ["a", None, "", "NULL", '{"x"}', "back\\", "中 文"],
            [Decimal("1.50"), None],
            [date(2026, 6, 30)],
            {"k": 'v"'},
            {"a": 1, "b": ["x"]},
            [[1, 2], [3]],
        ),
        ([], None, None, None, None, None),
    ]


def test_comments_keys_and_an_index_for_customers_stand_in_the_server(made, target, ask):
    version = made(
        1,
        PEOPLE
        + """
        comment on table marts.people is 'It''s one row per customer.';
        comment on column marts.people.orders is 'Purchases.';
        create table marts.sales as select 's1' as line, 'c1' as customer_id;
        create view marts.best as select * from marts.people where orders > 1;
        """,
    )
    done = mirror(version, target, keys=KEYS)
    assert done.rows == {"marts.best": 1, "marts.people": 2, "marts.sales": 1}
    assert ask(
        "select obj_description('c360_marts.people'::regclass), col_description('c360_marts.people'::regclass, 2)"
    ) == [("It's one row per customer.", "Purchases.")]
    indexed = (
        "select tablename, indexdef from pg_indexes where schemaname = 'c360_marts' and tablename <> 'mirrored_tables'"
    )
    assert sorted(ask(indexed)) == [
        ("best", "CREATE INDEX best_customer_id_idx ON c360_marts.best USING btree (customer_id)"),
        ("people", "CREATE UNIQUE INDEX people_pkey ON c360_marts.people USING btree (customer_id)"),
        ("sales", "CREATE INDEX sales_customer_id_idx ON c360_marts.sales USING btree (customer_id)"),
    ]
    mirror(made(2, PEOPLE), target, keys={"marts.people": Keys(unique=("customer_id", "orders"))})
    assert [definition for _, definition in ask(indexed)] == [
        "CREATE UNIQUE INDEX people_key ON c360_marts.people USING btree (customer_id, orders)"
    ]


def test_the_same_version_again_changes_nothing(made, target, ask):
    version = made(1, PEOPLE)
    assert mirror(version, target, keys=KEYS).changed
    before = ask("select xmin, mirrored_at from c360_marts.mirrored_tables")
    assert not mirror(version, target, keys=KEYS).changed
    assert ask("select xmin, mirrored_at from c360_marts.mirrored_tables") == before
    ask("delete from c360_marts.people")
    assert mirror(version, target, keys=KEYS, again=True).rows == {"marts.people": 2}
    ask("drop table c360_marts.people")
    assert mirror(version, target, keys=KEYS).rows == {"marts.people": 2}


def test_some_tables_only_and_each_says_its_version(made, target, ask):
    two = PEOPLE + "create table quality.deliveries as select 1 as files;"
    mirror(made(1, two), target, keys={}, prefix="shop")
    assert mirror(made(2, two), target, keys={}, prefix="shop", names=["people"]).rows == {"marts.people": 2}
    assert ask(
        "select table_schema, table_name, version, as_of, row_count from shop_marts.mirrored_tables order by 1"
    ) == [
        ("shop_marts", "people", "v2", date(2026, 6, 30), 2),
        ("shop_quality", "deliveries", "v1", date(2026, 6, 30), 1),
    ]
    with pytest.raises(UserError, match=r"no table marts\.poeple\. It has: marts\.people, quality\.deliveries"):
        mirror(made(3, two), target, keys={}, prefix="shop", names=["poeple"])


def test_grants_views_and_indices_of_others_stay_when_rows_and_columns_change(made, target, ask):
    mirror(made(1, PEOPLE), target, keys=KEYS)
    ask(
        "create role analyst; grant usage on schema c360_marts to analyst; grant select on c360_marts.people to analyst"
    )
    ask(
        "create view public.mine as select customer_id from c360_marts.people;"
        "create index on c360_marts.people (orders)"
    )
    wider = (
        "create table marts.people as select 'c3' as customer_id, 'gold' as tier, 3::bigint as orders;"
        "create table marts.new as select 1 as i;"
    )
    mirror(made(2, wider), target, keys=KEYS)
    assert ask("set role analyst; select tier, orders from c360_marts.people") == [("gold", 3)]
    assert ask("select * from public.mine") == [("c3",)]
    assert len(ask("select 1 from pg_indexes where tablename = 'people'")) == 2
    ask("drop owned by analyst; drop role analyst")


@pytest.mark.parametrize(
    "after",
    [
        "create table marts.people as select 'c3' as customer_id;",
        "create table marts.people as select 'c3' as customer_id, 'many' as orders;",
        "create table marts.others as select 1 as i;",
    ],
    ids=["column dropped", "column retyped", "table gone"],
)
def test_a_view_that_stands_in_the_way_is_named_and_nothing_changes(made, target, ask, after):
    mirror(made(1, PEOPLE), target, keys=KEYS)
    ask("create view public.mine as select orders from c360_marts.people")
    with pytest.raises(UserError, match=r"view mine depends on .*Drop what depends on it"):
        mirror(made(2, after), target, keys=KEYS)
    assert ask("select count(*) from public.mine") == [(2,)]
    ask("drop view public.mine")
    assert mirror(made(3, after), target, keys=KEYS).changed


def test_a_table_that_is_published_no_more_goes_and_one_of_others_is_left(made, target, ask):
    mirror(made(1, PEOPLE + "create table marts.old as select 1 as i;"), target, keys=KEYS)
    ask("create table c360_marts.theirs (i integer)")
    assert mirror(made(2, PEOPLE), target, keys=KEYS).dropped == ["c360_marts.old"]
    assert ask("select * from c360_marts.theirs") == []
    with pytest.raises(UserError, match=r"stands c360_marts\.theirs, which c360 mirror did not make"):
        mirror(made(3, PEOPLE + "create table marts.theirs as select 1 as i;"), target, keys=KEYS)
    assert ask("select count(*) from c360_marts.people") == [(2,)]


def test_what_the_server_refuses_is_told_with_what_to_do(made, target, ask, monkeypatch):
    version = made(1, PEOPLE)
    ask(f"create role weak login password '{PASSWORD}'")
    weak = target.replace("owner@", "weak@")
    try:
        with pytest.raises(UserError, match=r"permission denied for database .*grant create on database"):
            mirror(version, weak, keys={})
        with pytest.raises(UserError, match=r"read-only transaction.* name the primary"):
            mirror(version, f"{target}?options=-cdefault_transaction_read_only%3Don", keys={})
        monkeypatch.setenv("PGPASSWORD", "wrong one")
        with pytest.raises(UserError, match=r"password authentication failed for user .*pg_hba") as refused:
            mirror(version, weak, keys={})
        assert "wrong one" not in str(refused.value)
        monkeypatch.setenv("PGPASSWORD", PASSWORD)
        with pytest.raises(UserError, match="--schema 'Big One' cannot begin"):
            mirror(version, target, keys={}, prefix="Big One")
    finally:
        ask("drop role weak")


def test_a_server_that_cannot_hold_chinese_is_refused(made, server, ask):
    ask("create database latin template template0 encoding 'LATIN1' lc_collate 'C' lc_ctype 'C'")
    with pytest.raises(UserError, match="has the encoding LATIN1"):
        mirror(made(1, PEOPLE), server.replace("/postgres", "/latin"), keys={})


ROUND = (
    "create table marts.first as select {0} as round, i from range(20000) as t(i);"
    "create table marts.second as select {0} as round, i from range(20000) as t(i);"
)
HALVES = (
    "select (select min(round) from c360_marts.first), (select max(round) from c360_marts.first), "
    "(select count(*) from c360_marts.first), (select min(round) from c360_marts.second), "
    "(select max(round) from c360_marts.second), (select count(*) from c360_marts.second)"
)


@pytest.mark.parametrize("isolation", [psycopg.IsolationLevel.READ_COMMITTED, psycopg.IsolationLevel.REPEATABLE_READ])
def test_a_reader_in_a_loop_sees_the_old_or_the_new_and_never_waits_for_the_mirror(made, target, isolation):
    mirror(made(0, ROUND.format(0)), target, keys={})
    stop, seen, mixed = threading.Event(), [], []

    def read() -> None:
        with psycopg.connect(target) as connection:
            connection.isolation_level = isolation
            while not stop.is_set():
                with connection.transaction():
                    connection.execute("set local lock_timeout = '1s'")
                    state = connection.execute(HALVES).fetchone()
                    if isolation is psycopg.IsolationLevel.REPEATABLE_READ:
                        mixed.extend([state] if connection.execute(HALVES).fetchone() != state else [])
                one, two = state[:3], state[3:]
                mixed.extend([state] if one != two or one[0] != one[1] or one[2] != 20000 else [])
                seen.append(one[0])

    reader = threading.Thread(target=read)
    reader.start()
    try:
        for number in range(1, 6):
            mirror(made(number, ROUND.format(number)), target, keys={})
    finally:
        stop.set()
        reader.join(timeout=60)
    assert mixed == []
    assert seen == sorted(seen)
    assert len(set(seen)) > 1


KILLED = textwrap.dedent(
    """
    import sys, time, pickle
    from orchestration.mirror.mirror import mirror
    version = pickle.loads(bytes.fromhex(sys.argv[1]))
    def told(table, share):
        if table == "marts.second":
            print("midway", flush=True)
            time.sleep(600)
    mirror(version, sys.argv[2], keys={}, progress=told)
    """
)


def test_a_mirror_killed_midway_leaves_the_old_and_the_next_one_goes_through(made, target, ask):
    import pickle

    mirror(made(1, ROUND.format(1)), target, keys={})
    next_version = made(2, ROUND.format(2))
    command = [sys.executable, "-c", KILLED, pickle.dumps(next_version).hex(), target]
    running = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ})
    try:
        assert running.stdout is not None
        assert running.stdout.readline() == "midway\n"
        with pytest.raises(UserError, match="Another c360 mirror is writing"):
            mirror(next_version, target, keys={})
        assert ask(HALVES) == [(1, 1, 20000, 1, 1, 20000)]
    finally:
        running.send_signal(signal.SIGKILL)
        running.communicate(timeout=30)
    assert ask(HALVES) == [(1, 1, 20000, 1, 1, 20000)]
    assert ask("select distinct version from c360_marts.mirrored_tables") == [("v1",)]
    done = mirror(next_version, target, keys={})
    assert done.changed
    assert ask(HALVES) == [(2, 2, 20000, 2, 2, 20000)]

"""One message per cause and channel while it stands, one when it is over, and no run that waits for a channel."""

import json
import socketserver
import threading
from collections.abc import Callable, Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pydantic import SecretStr

from orchestration.alerts import alerts, causes
from orchestration.alerts.alerts import notify, open_alerts
from orchestration.alerts.causes import Cause, Sighting
from orchestration.alerts.policy import CAUSES, load_routes
from orchestration.alerts_cli import tell
from orchestration.errors import UserError
from orchestration.settings import Settings

POLICY = Path(__file__).parents[2] / "seeds" / "policy" / "alerts.csv"
GATE = Cause("gate_failed", "marts.every_sale_has_a_customer.marts.fct_sales", 1, "Check failed with 3 row(s).")
LATE = Cause("delivery_late", "pos/sales", 3, "pos/sales was last delivered on 2026-03-05, 3 days ago; usual are 1.")


class Hook(HTTPServer):
    """A webhook that remembers what it got and answers with `status`."""

    status = 200

    def __init__(self) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.attempts = 0

        class Handler(BaseHTTPRequestHandler):
            def do_POST(handler) -> None:  # noqa: N805 - the server's own names
                self.attempts += 1
                body = handler.rfile.read(int(handler.headers["Content-Length"]))
                if self.status == 200:
                    self.bodies.append(json.loads(body))
                handler.send_response(self.status)
                handler.end_headers()

            def log_message(handler, *args: object) -> None:  # noqa: N805
                pass

        super().__init__(("127.0.0.1", 0), Handler)


class MailSink(socketserver.TCPServer):
    """A mail server that takes everything."""

    def __init__(self) -> None:
        self.mails: list[str] = []

        class Handler(socketserver.StreamRequestHandler):
            def handle(handler) -> None:  # noqa: N805
                handler.wfile.write(b"220 sink\r\n")
                while line := handler.rfile.readline():
                    if line.upper().startswith(b"DATA"):
                        handler.wfile.write(b"354 go on\r\n")
                        lines = iter(handler.rfile.readline, b".\r\n")
                        self.mails.append(b"".join(lines).decode())
                    quits = line.upper().startswith(b"QUIT")
                    handler.wfile.write(b"221 bye\r\n" if quits else b"250 taken\r\n")

        super().__init__(("127.0.0.1", 0), Handler)


@pytest.fixture
def serve() -> Iterator[Callable[[socketserver.TCPServer], int]]:
    """Run a server beside the test; give its port."""
    running: list[socketserver.TCPServer] = []

    def start(server: socketserver.TCPServer) -> int:
        running.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return int(server.server_address[1])

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


@pytest.fixture
def see(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Decide what the next look finds; every kind is looked at unless said otherwise."""
    monkeypatch.setattr(alerts, "_PAUSES", (0.0, 0.0))

    def put(*standing: Cause, looked_at: set[str] | None = None) -> None:
        found = Sighting(list(standing), set(CAUSES) if looked_at is None else looked_at)
        monkeypatch.setattr(alerts, "look", lambda *_: found)

    return put


def told(settings: Settings) -> list[tuple[str, str]]:
    lines = (settings.alerts_dir / "alerts.jsonl").read_text(encoding="utf-8").splitlines()
    return [(line["state"], line["about"]) for line in map(json.loads, lines)]


def test_a_cause_is_told_once_while_it_stands_and_once_when_it_is_over(
    own_settings: Settings, see: Callable[..., None]
) -> None:
    for standing in ((GATE,), (GATE, LATE), (GATE,), (GATE,), (), ()):
        see(*standing)
        notify(own_settings)
    assert told(own_settings) == [
        ("raised", GATE.about),
        ("raised", LATE.about),
        ("resolved", LATE.about),
        ("resolved", GATE.about),
    ]
    assert open_alerts(own_settings) == []


def test_what_could_not_be_looked_at_is_not_over(own_settings: Settings, see: Callable[..., None]) -> None:
    see(GATE, LATE)
    notify(own_settings)
    see(looked_at={"delivery_late"})
    notify(own_settings)
    assert [alert.key for alert in open_alerts(own_settings)] == [GATE.key]


def test_below_its_threshold_a_cause_is_not_told(own_settings: Settings, see: Callable[..., None]) -> None:
    see(Cause("delivery_late", "pos/sales", 1.9, "almost"), Cause("id_churn", "customers", 0.009, "few"))
    assert notify(own_settings).messages == []


@pytest.mark.parametrize(
    ("style", "text"),
    [
        ("plain", lambda body: body["text"]),
        ("wecom", lambda body: body["text"]["content"]),
        ("feishu", lambda body: body["content"]["text"]),
    ],
)
def test_a_webhook_gets_json_in_the_form_it_reads(
    own_settings: Settings, see: Callable[..., None], serve: Any, style: str, text: Callable[[Any], str]
) -> None:
    hook = Hook()
    url = SecretStr(f"http://127.0.0.1:{serve(hook)}/hook?token=secret")
    settings = own_settings.model_copy(update={"alert_webhook_url": url, "alert_webhook_style": style})
    see(GATE)
    notify(settings)
    (body,) = hook.bodies
    assert text(body) == f"[c360 warehouse] ERROR gate_failed {GATE.about}: {GATE.text}"


def test_a_webhook_that_is_down_stops_nothing_and_is_told_when_it_is_back(
    own_settings: Settings, see: Callable[..., None], serve: Any
) -> None:
    hook = Hook()
    hook.status = 503
    url = SecretStr(f"http://127.0.0.1:{serve(hook)}/hook?token=secret")
    settings = own_settings.model_copy(update={"alert_webhook_url": url})
    see(GATE, LATE)
    (failure,) = notify(settings).failures
    assert "503" in failure
    assert "secret" not in failure
    assert hook.attempts == 2, "one message was tried twice, the other not at all"
    assert told(settings) == [("raised", GATE.about), ("raised", LATE.about)]
    hook.status = 200
    see(LATE)
    notify(settings)
    assert [(body["state"], body["about"]) for body in hook.bodies] == [("raised", LATE.about)], (
        "what was over before anybody could hear of it is not told"
    )


def test_a_mail_server_gets_one_mail_without_credentials_in_it(
    own_settings: Settings, see: Callable[..., None], serve: Any
) -> None:
    sink = MailSink()
    settings = own_settings.model_copy(
        update={
            "alert_smtp_host": "127.0.0.1",
            "alert_smtp_port": serve(sink),
            "alert_smtp_security": "none",
            "alert_mail_from": "c360@example.com",
            "alert_mail_to": "one@example.com, two@example.com",
        }
    )
    see(GATE, LATE)
    notify(settings)
    (mail,) = sink.mails
    assert "Subject: [c360 warehouse] ERROR gate_failed" in mail
    assert GATE.text in mail


def test_the_end_of_a_run_is_not_harmed_by_alerts_that_cannot_be_sent(
    own_settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for fault in (UserError("The policy table alerts.csv, row 2: threshold is 'x'."), TypeError("a value of a row")):

        def broken(*_: object, fault: Exception = fault) -> None:
            raise fault

        monkeypatch.setattr(alerts, "notify", broken)
        tell(own_settings, failed_steps=[])
    assert capsys.readouterr().err.splitlines() == [
        "Not every alert was sent: The policy table alerts.csv, row 2: threshold is 'x'.",
        "Not every alert was sent: TypeError",
    ]


def test_a_failed_run_is_told_with_its_steps_and_over_with_the_next_good_one(
    own_settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    for failed_steps in (["warehouse"], ["warehouse"], []):
        tell(own_settings, failed_steps)
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("[c360 warehouse] ERROR run_failed refresh: The last refresh failed in warehouse;")
    assert second.startswith("[c360 warehouse] RESOLVED run_failed refresh: Over since")


def test_a_damaged_memory_of_alerts_tells_again_rather_than_nothing(
    own_settings: Settings, see: Callable[..., None]
) -> None:
    see(GATE)
    notify(own_settings)
    (own_settings.alerts_dir / "open.json").write_text("{half", encoding="utf-8")
    assert [message.kind for message in notify(own_settings).messages] == ["gate_failed", "gate_failed"]


# --- causes -----------------------------------------------------------------------------------------------------------


def test_gates_ids_and_kpis_are_read_from_what_the_run_left() -> None:
    con = duckdb.connect()
    for schema in ("quality", "identity", "marts"):
        con.execute(f"create schema {schema}")
    con.execute(
        """
        create table quality.check_results as
        select * from (values
            ('old', timestamp '2026-03-01', 'marts', 'was_bad', 'marts.fct_sales', 'error', false, 9, 'sales'),
            ('new', timestamp '2026-03-02', 'marts', 'is_bad', 'marts.fct_sales', 'error', false, 3, 'sales'),
            ('new', timestamp '2026-03-02', 'marts', 'is_odd', 'marts.fct_sales', 'warn', false, 3, 'sales'),
            ('new', timestamp '2026-03-02', 'marts', 'is_gone', 'marts.fct_gone', 'error', false, -1, 'sales'),
            ('new', timestamp '2026-03-02', 'marts', 'is_good', 'marts.fct_sales', 'error', true, 0, 'sales')
        ) as t(run_id, checked_at, stage, check_name, table_name, severity, passed, unexpected_rows, owner);
        create table identity.id_stability as
        select 0.25 as changed_share, 5 as ids_changed, 20 as ids_before, true as held;
        create table marts.kpi_daily as
        select * from (values
            ('nps', date '2026-03-01', 'all', 10.0, 45.0, 'red', 'care'),
            ('nps', date '2026-03-02', 'all', 20.0, 45.0, 'red', 'care'),
            ('nps', date '2026-03-02', 'tier', 20.0, 45.0, 'red', 'care'),
            ('csat', date '2026-03-01', 'all', 10.0, 92.0, 'red', 'care'),
            ('csat', date '2026-03-02', 'all', 95.0, 92.0, 'green', 'care'),
            ('clv', date '2026-03-02', 'all', 1.0, null, 'red', 'care')
        ) as t(kpi, as_of, dimension, value, target, status, owner)"""
    )
    assert [cause.text for cause in causes.failed_gates(con)] == [
        "Check is_bad on marts.fct_sales failed with 3 rows and blocks publication; owner: sales.",
        "Check is_gone on marts.fct_gone could not run and blocks publication; owner: sales.",
    ]
    (churn,) = causes.changed_ids(con)
    assert (churn.size, churn.text.split(".")[0]) == (0.25, "5 of 20 customer ids changed (25")
    assert [cause.text for cause in causes.red_kpis(con)] == [
        "KPI clv is red: 1, target none; owner: care.",
        "KPI nps is red: 20, target 45; owner: care.",
    ]


def test_a_delivery_is_late_by_its_own_rhythm(own_settings: Settings) -> None:
    rhythms = {
        "pos/sales": ["2026-03-01", "2026-03-02", "2026-03-03"],
        "pos/members": ["2026-02-10", "2026-02-17", "2026-02-24"],
        "call_center/surveys": ["2026-01-01"],
    }
    for dataset, days in rhythms.items():
        for day in days:
            (own_settings.raw_dir / dataset / f"delivery_date={day}").mkdir(parents=True)
    found = {c.about: c.size for c in causes.late_deliveries(own_settings, date(2026, 3, 5))}
    assert found == {"pos/members": pytest.approx(9 / 7), "pos/sales": 2}


def test_an_empty_warehouse_has_nothing_to_tell(own_settings: Settings) -> None:
    assert notify(own_settings).messages == []


# --- policy -----------------------------------------------------------------------------------------------------------


def test_the_newest_row_of_a_cause_and_channel_holds_and_off_silences(tmp_path: Path) -> None:
    path = tmp_path / "alerts.csv"
    text = POLICY.read_text(encoding="utf-8")
    path.write_text(
        text + "kpi_red,log,off,1,2026-01-01,test\nkpi_red,file,error,2,2027-01-01,test\n", encoding="utf-8"
    )
    (route,) = load_routes(path, date(2026, 6, 1))["kpi_red"]
    assert (route.channel, route.severity, route.threshold) == ("file", "warning", 1)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("gate_fails,log,error,1,2000-01-01,x", "cause is 'gate_fails'"),
        ("kpi_red,pager,error,1,2000-01-01,x", "channel is 'pager'"),
        ("kpi_red,log,loud,1,2000-01-01,x", "severity is 'loud'"),
        ("kpi_red,log,error,nan,2000-01-01,x", "threshold is 'nan'"),
        ("kpi_red,log,error,1,soon,x", "valid_from is 'soon'"),
    ],
)
def test_a_wrong_row_is_named_with_its_value(tmp_path: Path, row: str, said: str) -> None:
    path = tmp_path / "alerts.csv"
    path.write_text(f"cause,channel,severity,threshold,valid_from,why\n{row}\n", encoding="utf-8")
    with pytest.raises(UserError, match=rf"alerts\.csv, row 2: {said}"):
        load_routes(path, date(2026, 6, 1))

"""Telling each cause once on each of its channels while it stands, and once more when it is over.

What belongs here: what is open, what was told where, trying again. What does not: finding causes (`causes.py`), the
channels themselves (`channels.py`). What is open is kept in `<warehouse>/alerts/open.json`.
"""

import fcntl
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from orchestration.alerts.causes import Sighting, look
from orchestration.alerts.channels import LOGGER, SENDERS, ChannelError, Message, is_configured
from orchestration.alerts.policy import Routes, load_routes
from orchestration.files import write_whole
from orchestration.settings import Settings

RAISED, RESOLVED = "raised", "resolved"
_PAUSES = (0.0, 0.5, 2.0)  # seconds before each attempt: a restart of the other side takes no longer


@dataclass
class Alert:
    """A cause that was told: since when it stands, where that was told, and where it still has to be."""

    kind: str
    about: str
    text: str
    since: str
    state: str = RAISED
    severities: dict[str, str] = field(default_factory=dict)
    told: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)

    @property
    def key(self) -> str:
        """What makes two sightings the same cause."""
        return f"{self.kind}:{self.about}"


@dataclass(frozen=True)
class Told:
    """What one look led to: messages handed over, and why channels failed; those are tried at the next look."""

    messages: list[Message]
    failures: list[str]


def notify(settings: Settings, failed_steps: list[str] | None = None) -> Told:
    """Look at what is wrong now and tell what is new or over.

    Takes seconds at most: a channel that fails is left alone until the next look. Of two looks at once one waits.

    Args:
        settings: Names the warehouse, the addresses and the time zone.
        failed_steps: Steps in which the last run failed, [] when it went well, None when that is not known.

    Raises:
        UserError: `alerts.csv` is wrong, or the working database cannot be read.
        OSError: what is open cannot be kept (full disk).
    """
    today = datetime.now(ZoneInfo(settings.timezone)).date()
    routes = load_routes(settings.policy_dir / "alerts.csv", today)
    seen = look(settings, today, failed_steps)
    with _kept(settings) as alerts:
        _update(alerts, seen, routes)
        return _tell(settings, alerts)


def open_alerts(settings: Settings) -> list[Alert]:
    """What stands now as of the last look, oldest first."""
    return sorted((a for a in _read(settings).values() if a.state == RAISED), key=lambda a: (a.since, a.key))


def _update(alerts: dict[str, Alert], seen: Sighting, routes: Routes) -> None:
    """Open what is new, add channels that a cause has grown into, and mark what is over."""
    now = _now()
    standing: set[str] = set()
    for cause in seen.causes:
        chosen = {r.channel: r.severity for r in routes.get(cause.kind, []) if cause.size >= r.threshold}
        if not chosen:
            continue
        standing.add(cause.key)
        alert = alerts.get(cause.key)
        if alert is None or alert.state == RESOLVED:
            # It came back before its end was told everywhere: whoever heard of it still has it before them.
            told = alert.waiting if alert else []
            alert = Alert(cause.kind, cause.about, cause.text, now, told=list(told))
            alerts[cause.key] = alert
        alert.text = cause.text
        alert.severities |= chosen
        alert.waiting = [channel for channel in SENDERS if channel in chosen and channel not in alert.told]
    for key, alert in alerts.items():
        if alert.state == RAISED and key not in standing and alert.kind in seen.looked_at:
            # Who never heard of it need not hear that it is over.
            alert.state, alert.waiting, alert.told = RESOLVED, alert.told, []


def _tell(settings: Settings, alerts: dict[str, Alert]) -> Told:
    """Hand over what waits; drop what is over and told everywhere."""
    messages: list[Message] = []
    down: dict[str, str] = {}
    for alert in alerts.values():
        for channel in list(alert.waiting):
            if channel in down or not is_configured(settings, channel):
                continue
            message = _message(settings, alert, channel)
            failure = _send(settings, channel, message)
            if failure:
                down[channel] = failure
                continue
            messages.append(message)
            alert.waiting.remove(channel)
            alert.told.append(channel)
    for key in [key for key, alert in alerts.items() if alert.state == RESOLVED and not alert.waiting]:
        del alerts[key]
    failures = [f"{channel}: {failure}. It is tried again at the next look." for channel, failure in down.items()]
    for failure in failures:
        LOGGER.warning("An alert could not be sent by %s", failure)
    return Told(messages, failures)


def _send(settings: Settings, channel: str, message: Message) -> str | None:
    """Hand one message over, with some attempts; None, or why it failed."""
    failure = None
    for pause in _PAUSES:
        time.sleep(pause)
        try:
            SENDERS[channel](settings, message)
        except (ChannelError, OSError) as error:
            failure = str(error)
            continue
        return None
    return failure


def _message(settings: Settings, alert: Alert, channel: str) -> Message:
    text = f"Over since {_now()} UTC; it stood since {alert.since} UTC." if alert.state == RESOLVED else alert.text
    severity = alert.severities[channel]
    return Message(alert.state, severity, alert.kind, alert.about, text, _now(), settings.warehouse.name)


@contextmanager
def _kept(settings: Settings) -> Iterator[dict[str, Alert]]:
    """The alerts by key; kept again at the end, whatever happens meanwhile."""
    settings.alerts_dir.mkdir(parents=True, exist_ok=True)
    with (settings.alerts_dir / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        alerts = _read(settings)
        try:
            yield alerts
        finally:
            kept = json.dumps([asdict(alert) for alert in alerts.values()], ensure_ascii=False, indent=1)
            write_whole(settings.alerts_dir / "open.json", kept)


def _read(settings: Settings) -> dict[str, Alert]:
    """What was kept; nothing where the file is missing or damaged, since telling twice is better than not at all."""
    try:
        kept = json.loads((settings.alerts_dir / "open.json").read_text(encoding="utf-8"))
        alerts = [Alert(**alert) for alert in kept]
    except (FileNotFoundError, NotADirectoryError, ValueError, TypeError):
        return {}
    return {alert.key: alert for alert in alerts}


def _now() -> str:
    return datetime.now(UTC).replace(tzinfo=None).isoformat(timespec="seconds")

"""How a message leaves: log, file, webhook, mail. Each sends one message or says why it could not.

What belongs here: one sender per channel, with time limits. What does not: when to send (`alerts.py`),
what (`causes.py`).
Addresses and credentials come from the settings, which read them from the environment alone.
"""

import json
import logging
import smtplib
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import asdict, dataclass
from email.message import EmailMessage
from typing import Any
from urllib.parse import urlsplit

from orchestration.settings import Settings

LOGGER = logging.getLogger("c360.alerts")
FILE_NAME = "alerts.jsonl"


@dataclass(frozen=True)
class Message:
    """What is told: a cause that came (`raised`) or is over (`resolved`). `at` is UTC, ISO 8601."""

    state: str
    severity: str
    kind: str
    about: str
    text: str
    at: str
    warehouse: str

    @property
    def headline(self) -> str:
        """One line for a person."""
        word = "RESOLVED" if self.state == "resolved" else self.severity.upper()
        return f"[c360 {self.warehouse}] {word} {self.kind} {self.about}"


class ChannelError(Exception):
    """A message could not be handed over; the text names the setting to look at and holds no secret."""


def is_configured(settings: Settings, channel: str) -> bool:
    """Say whether a channel has an address; one without is left alone until it has."""
    if channel == "webhook":
        return settings.alert_webhook_url is not None
    return channel != "mail" or settings.alert_smtp_host is not None


def send_log(settings: Settings, message: Message) -> None:
    """Write to Python's logging, which Dagster and the terminal show."""
    level = logging.INFO if message.state == "resolved" else logging.getLevelNamesMapping()[message.severity.upper()]
    LOGGER.log(level, "%s: %s", message.headline, message.text)


def send_file(settings: Settings, message: Message) -> None:
    """Append one line of JSON to `<warehouse>/alerts/alerts.jsonl`."""
    settings.alerts_dir.mkdir(parents=True, exist_ok=True)
    with (settings.alerts_dir / FILE_NAME).open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(asdict(message), ensure_ascii=False) + "\n")


def send_webhook(settings: Settings, message: Message) -> None:
    """Post JSON to `C360_ALERT_WEBHOOK_URL`, in the form that `C360_ALERT_WEBHOOK_STYLE` asks for.

    Raises:
        ChannelError: there is no address, it is not reached in time, or it answers with an error.
    """
    url = settings.alert_webhook_url.get_secret_value() if settings.alert_webhook_url else ""
    if urlsplit(url).scheme not in ("http", "https"):
        raise ChannelError("C360_ALERT_WEBHOOK_URL holds no http(s) address")
    body = json.dumps(_BODIES[settings.alert_webhook_style](message), ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": "customer360"}
    # The scheme was checked above, so no file or other handler is reached.
    request = urllib.request.Request(url, data=body, headers=headers, method="POST")  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=settings.alert_timeout_seconds):  # noqa: S310
            return
    except urllib.error.HTTPError as error:
        raise ChannelError(f"the webhook of C360_ALERT_WEBHOOK_URL answered {error.code}") from error
    except (OSError, ValueError) as error:
        raise ChannelError(f"the webhook of C360_ALERT_WEBHOOK_URL was not reached ({type(error).__name__})") from error


def send_mail(settings: Settings, message: Message) -> None:
    """Send a mail by the `C360_ALERT_SMTP_…` settings.

    Raises:
        ChannelError: a setting is missing, or the server is not reached in time or refuses.
    """
    host, sender, to = settings.alert_smtp_host, settings.alert_mail_from, settings.alert_mail_to
    if not (host and sender and to):
        raise ChannelError("mail needs C360_ALERT_SMTP_HOST, C360_ALERT_MAIL_FROM and C360_ALERT_MAIL_TO")
    mail = EmailMessage()
    try:
        mail["Subject"], mail["From"], mail["To"] = message.headline, sender, to
        mail.set_content(f"{message.text}\n\n{message.at} UTC\n")
        kind = smtplib.SMTP_SSL if settings.alert_smtp_security == "tls" else smtplib.SMTP
        with kind(host, settings.alert_smtp_port, timeout=settings.alert_timeout_seconds) as server:
            if settings.alert_smtp_security == "starttls":
                server.starttls(context=ssl.create_default_context())
            if settings.alert_smtp_user and settings.alert_smtp_password:
                server.login(settings.alert_smtp_user, settings.alert_smtp_password.get_secret_value())
            server.send_message(mail)
    except (OSError, smtplib.SMTPException, ValueError) as error:
        raise ChannelError(f"the mail server {host} did not take the message ({type(error).__name__})") from error


def _plain(message: Message) -> dict[str, Any]:
    return {**asdict(message), "text": f"{message.headline}: {message.text}"}


def _wecom(message: Message) -> dict[str, Any]:
    return {"msgtype": "text", "text": {"content": f"{message.headline}: {message.text}"}}


def _feishu(message: Message) -> dict[str, Any]:
    return {"msg_type": "text", "content": {"text": f"{message.headline}: {message.text}"}}


# `plain` suits Slack and Mattermost, `wecom` also DingTalk.
_BODIES: dict[str, Callable[[Message], dict[str, Any]]] = {"plain": _plain, "wecom": _wecom, "feishu": _feishu}

SENDERS: dict[str, Callable[[Settings, Message], None]] = {
    "log": send_log,
    "file": send_file,
    "webhook": send_webhook,
    "mail": send_mail,
}

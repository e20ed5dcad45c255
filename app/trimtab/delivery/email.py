"""Mail by SMTP; ``Message-ID`` is the notice's id, and all notices of a group are one thread."""

from __future__ import annotations

import smtplib
import ssl
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime
from html import escape

from trimtab.config.alerting import EmailTarget
from trimtab.delivery.http import TIMEOUT_S
from trimtab.delivery.outcome import Undelivered
from trimtab.delivery.words import SHOWN, incident_url, left_out, line_of, title_of
from trimtab.notices import Notice

__all__ = ["EmailSender", "mail"]


def mail(notice: Notice, sender: str, to: tuple[str, ...], dashboard: str | None) -> EmailMessage:
    """The message, as text and as HTML."""
    message = EmailMessage()
    message["Subject"] = " ".join(title_of(notice).split())
    message["From"], message["To"] = sender, ", ".join(to)
    message["Date"] = format_datetime(datetime.fromtimestamp(notice.due_ms / 1_000, UTC))
    message["Message-ID"] = f"<{notice.id}@trimtab>"
    message["References"] = f"<{notice.group_id}@trimtab>"
    message["Auto-Submitted"] = "auto-generated"
    lines, rows = [], []
    for alert in notice.alerts[:SHOWN]:
        links = [(incident_url(dashboard, alert), "incident"), (alert.get("runbook"), "runbook")]
        lines.append("\n  ".join([f"- {line_of(alert)}", *(f"{name}: {url}" for url, name in links if url)]))
        shown = "".join(f' <a href="{escape(url)}">{name}</a>' for url, name in links if url)
        rows.append(f"<li>{escape(line_of(alert))}{shown}</li>")
    more = left_out(notice)
    message.set_content("\n".join([*lines, *([more] if more else [])]) + "\n")
    page = f"<p><b>{escape(title_of(notice))}</b></p><ul>{''.join(rows)}</ul><p>{escape(more)}</p>"
    message.add_alternative(page, subtype="html")
    return message


class EmailSender:
    """Sends by one SMTP server."""

    def __init__(self, target: EmailTarget, dashboard: str | None) -> None:
        self._target = target
        self._dashboard = dashboard

    def send(self, notice: Notice) -> None:
        """Raises Undelivered: final when the server refuses for good (5xx), to be tried again otherwise."""
        target = self._target
        message = mail(notice, target.sender, target.to, self._dashboard)
        where = f"{target.host}:{target.port}"
        try:
            with self._connected() as server:
                if target.user is not None and target.password is not None:
                    server.login(target.user, target.password.get_secret_value())
                refused = server.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            codes = [code for code, _ in error.recipients.values()]
            raise Undelivered(
                f"{where} refuses {', '.join(error.recipients)} ({codes[0]})", final=all(c >= 500 for c in codes)
            ) from None
        except smtplib.SMTPResponseException as error:
            said = (
                error.smtp_error.decode("utf-8", "replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
            )
            raise Undelivered(f"{where} answers {error.smtp_code}: {said}", final=error.smtp_code >= 500) from None
        except smtplib.SMTPNotSupportedError as error:
            raise Undelivered(f"{where}: {error}; set security or user of this receiver", final=True) from None
        except (OSError, smtplib.SMTPException) as error:
            raise Undelivered(f"{where} cannot be reached: {error}") from None
        if refused:
            # The others have it: sending it to all again would tell them twice.
            raise Undelivered(f"{where} refuses {', '.join(refused)}; the others have it", final=True)

    def _connected(self) -> smtplib.SMTP:
        target = self._target
        if target.security == "tls":
            return smtplib.SMTP_SSL(target.host, target.port, timeout=TIMEOUT_S, context=ssl.create_default_context())
        server = smtplib.SMTP(target.host, target.port, timeout=TIMEOUT_S)
        if target.security == "starttls":
            try:
                server.starttls(context=ssl.create_default_context())
            except BaseException:
                server.close()
                raise
        return server

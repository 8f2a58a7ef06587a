"""An alert in the form of each kind of channel (pure): e-mail, signed JSON, Slack, Teams.

Texts may come from mail servers, so each form takes them as text and never as markup. What the forms allow:

- Slack, "Formatting text for app surfaces" and "Block Kit": &, < and > are written as entities; a header has at most
  150 characters, a section 3000.
- Teams takes an Adaptive Card through the Workflows webhook, in an envelope of the type "message", at most 28 kB (the
  page "Create incoming webhooks with Workflows for Microsoft Teams"). Runs of a RichTextBlock know no Markdown.
- The signature is that of the Standard Webhooks specification (version 1), so that there are libraries to verify it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any

from . import limits
from .alerts import ChannelKind, Event
from .dates import day_and_time
from .texts import _

VERSION = 1  # of the JSON; a receiver that knows it may rely on every name in `webhook`
_SECRET_PREFIX = "whsec_"  # noqa: S105 -- how Standard Webhooks marks a secret in base64
_SLACK_HEADER_CHARS = 150
_SLACK_SECTION_CHARS = 3000
_SLACK_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
_BAD, _GOOD, _NOTE = "Attention", "Good", "Warning"  # colours of an Adaptive Card


@dataclass(frozen=True)
class Notice:
    """One alert as it is told. `at` is aware; `route` is (kind, id) or None; `url` is the page of the console that
    helps, "" where its address is not known."""

    id: str
    event: Event
    title: str
    at: datetime
    text: str = ""
    remedy: tuple[str, ...] = ()
    owner: str = ""
    name: str = ""
    code: str = ""
    route: tuple[str, str] | None = None
    environment: str = ""
    url: str = ""


@dataclass(frozen=True)
class Letter:
    """An alert as an e-mail."""

    subject: str
    text: str
    html: str


def letter(notice: Notice) -> Letter:
    """Return the alert as an e-mail."""
    subject = f"[mail{f' {notice.environment}' if notice.environment else ''}] {notice.title}"
    lines = [notice.title, "", *filter(None, notice.text.split("\n"))]
    page = [f"<h2>{escape(notice.title)}</h2>", *(f"<p>{escape(line)}</p>" for line in notice.text.split("\n") if line)]
    if notice.remedy:
        steps = [f"{number}. {step}" for number, step in enumerate(notice.remedy, 1)]
        lines += ["", _("What to do:"), *steps]
        page += [
            f"<p><b>{_('What to do')}</b></p>",
            f"<ol>{''.join(f'<li>{escape(step)}</li>' for step in notice.remedy)}</ol>",
        ]
    if notice.owner:
        lines += ["", _who(notice)]
        page.append(f"<p>{escape(_who(notice))}</p>")
    if notice.url:
        lines += ["", notice.url]
        page.append(f'<p><a href="{escape(notice.url)}">{escape(_("Open the console"))}</a></p>')
    lines += ["", "-- ", _foot(notice)]
    page.append(f"<p><small>{escape(_foot(notice))}</small></p>")
    return Letter(subject, "\n".join(lines) + "\n", "\n".join(page) + "\n")


def webhook(notice: Notice) -> dict[str, Any]:
    """Return the alert as our own JSON; docs/alerts.md explains every name."""
    kind, route_id = notice.route or ("", "")
    return {
        "version": VERSION,
        "id": notice.id,
        "event": str(notice.event),
        "at": notice.at.isoformat(timespec="seconds"),
        "title": notice.title,
        "text": notice.text,
        "remedy": list(notice.remedy),
        "owner": notice.owner,
        "name": notice.name,
        "code": notice.code,
        "route": {"kind": kind, "id": route_id, "name": notice.name} if notice.route else None,
        "environment": notice.environment,
        "url": notice.url,
    }


def slack(notice: Notice) -> dict[str, Any]:
    """Return the alert for Slack's incoming webhooks; `text` is what a notification shows."""
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": _plain(notice.title, _SLACK_HEADER_CHARS)},
        *({"type": "section", "text": _plain(text)} for text in _slack_texts(notice)),
    ]
    if notice.url:
        link = f"<{_entities(notice.url)}|{_entities(_('Open the console'))}>"
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": link}})
    blocks.append({"type": "context", "elements": [_plain(_foot(notice))]})
    return {
        "text": _entities(_("{event}: {title}").format(event=notice.event.label, title=notice.title)),
        "blocks": blocks,
    }


def teams(notice: Notice) -> dict[str, Any]:
    """Return the alert for the Workflows webhook of Teams: one Adaptive Card."""
    body: list[dict[str, Any]] = [_run(notice.title, weight="Bolder", size="Large", color=_colour(notice.event))]
    body += [_run(line) for line in notice.text.split("\n") if line]
    if notice.remedy:
        body.append(_run(_("What to do"), weight="Bolder"))
        body += [_run(f"{number}. {step}") for number, step in enumerate(notice.remedy, 1)]
    if notice.owner:
        body.append(_run(_who(notice)))
    body.append(_run(_foot(notice), isSubtle=True, size="Small"))
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.2",
        "msteams": {"width": "Full"},
        "body": body,
    }
    if notice.url:
        card["actions"] = [{"type": "Action.OpenUrl", "title": _("Open the console"), "url": notice.url}]
    content = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "attachments": [content]}


_FORMS: Mapping[ChannelKind, Callable[[Notice], dict[str, Any]]] = {
    ChannelKind.WEBHOOK: webhook,
    ChannelKind.SLACK: slack,
    ChannelKind.TEAMS: teams,
}


def payload(kind: ChannelKind, notice: Notice) -> dict[str, Any]:
    """Return the alert as the JSON value that a channel of `kind` (any but e-mail) takes."""
    return _FORMS[kind](notice)


def body(kind: ChannelKind, notice: Notice) -> bytes:
    """Return the body of the request. These very bytes are signed."""
    return json.dumps(payload(kind, notice), ensure_ascii=False).encode("utf-8", "replace")


def signature(secret: str, alert_id: str, timestamp: int, content: bytes) -> dict[str, str]:
    """Return the headers by which a receiver knows that `content` is ours and new: an HMAC-SHA256 over the id, the
    time (seconds since the epoch) and the body. The key is `secret` in UTF-8; what begins with "whsec_" is base64.

    Raises ValueError when that base64 cannot be read.
    """
    signed = f"{alert_id}.{timestamp}.".encode() + content
    digest = base64.b64encode(hmac.digest(signing_key(secret), signed, hashlib.sha256)).decode()
    return {"Webhook-Id": alert_id, "Webhook-Timestamp": str(timestamp), "Webhook-Signature": f"v1,{digest}"}


def signing_key(secret: str) -> bytes:
    """Return the key that `secret` stands for. Raises ValueError with a sentence when it is too short or its base64
    cannot be read."""
    key = secret.encode()
    if secret.startswith(_SECRET_PREFIX):
        try:
            key = base64.b64decode(secret.removeprefix(_SECRET_PREFIX), validate=True)
        except ValueError:
            raise ValueError(_("What follows whsec_ must be base64; copy the signing secret as a whole.")) from None
    if len(key) < limits.SIGNING_SECRET_CHARS:
        text = _(
            "A signing secret has at least {number} characters; the command “openssl rand -base64 32” makes a good one."
        )
        raise ValueError(text.format(number=limits.SIGNING_SECRET_CHARS))
    return key


def _slack_texts(notice: Notice) -> list[str]:
    steps = [f"{number}. {step}" for number, step in enumerate(notice.remedy, 1)]
    parts = [notice.text, "\n".join([_("What to do:"), *steps]) if steps else "", notice.owner and _who(notice)]
    return [part for part in parts if part]


def _plain(text: str, chars: int = _SLACK_SECTION_CHARS) -> dict[str, Any]:
    return {"type": "plain_text", "text": _entities(text, chars) or " ", "emoji": False}


def _entities(text: str, chars: int = _SLACK_SECTION_CHARS) -> str:
    """Write the three characters that Slack reads as markup as entities; what is longer than `chars` then is cut,
    between two of them."""
    written = [_SLACK_ENTITIES.get(letter, letter) for letter in text[: chars + 1]]
    if sum(map(len, written)) > chars:
        while sum(map(len, written)) >= chars:
            written.pop()
        written.append("…")
    return "".join(written)


def _run(text: str, *, isSubtle: bool = False, **style: str) -> dict[str, Any]:  # noqa: N803 -- the card's own name
    """Return a paragraph of an Adaptive Card whose text is text: a TextRun knows no Markdown and no mention."""
    run: dict[str, Any] = {"type": "TextRun", "text": text, **style}
    if isSubtle:
        run["isSubtle"] = True
    return {"type": "RichTextBlock", "inlines": [run]}


def _colour(event: Event) -> str:
    if event in (Event.FAILING, Event.SILENCE):
        return _BAD
    return _GOOD if event in (Event.RECOVERED, Event.TEST) else _NOTE


def _foot(notice: Notice) -> str:
    where = f", {notice.environment}" if notice.environment else ""
    return f"{notice.event.label} · mailadmin{where} · {day_and_time(notice.at)}"


def _who(notice: Notice) -> str:
    return _("Who: {owner}").format(owner=notice.owner)

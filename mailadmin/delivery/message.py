"""`mailadmin.Message`: Django's message, made in one call from what programs have, and checked when it is made."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import datetime
from email.message import Message as ParsedMessage
from pathlib import Path
from typing import Any

from django.core.mail import EmailMultiAlternatives

from mailadmin.core import limits
from mailadmin.core.errors import bad_message
from mailadmin.core.fault import Kind
from mailadmin.core.importance import importance_headers
from mailadmin.core.outcome import Priority
from mailadmin.core.settings import RouteKey
from mailadmin.core.texts import _

from . import addressing, attaching, parts
from .addressing import Addresses
from .bodies import bodies
from .options import OPTION_PREFIX, read_option
from .options import priority as priority_of


class Message(EmailMultiAlternatives):
    """A message for any Django backend, ours among them, that says all that the console can carry.

    `to`, `cc`, `bcc`, `reply_to`: texts, or one text with commas. Without `from_email` DEFAULT_FROM_EMAIL is used.
    The body is `body` as plain text, or HTML (`is_html`), or in `body_format` ("text", "flowed", "html", "enriched");
    with `html` beside it, readers choose; `text_from_html` makes the text from the HTML. `attachments` are paths, open
    files, bytes, (name, content) or (name, content, type), Django's files, and what Django itself takes.
    `subject_prefix` goes before the subject. `priority` ("urgent", "normal", "non-urgent") is shown by mail programs,
    and counts in the outbox.

    The others are for our own backend: `route` (a name or key) is the one to use, `label` and `metadata` stand in the
    log, `delivery` is "direct" or "queued", `send_at`, `expires_at` (aware datetimes) and `on_unsure` ("resend",
    "hold") are for queued messages, and with an `idempotency_key` that was given before nothing is sent again.

    Raises BadMessage for whatever cannot be sent as it was given; its `fault` tells the kind, and the field ("to.2").
    """

    def __init__(
        self,
        subject: str = "",
        body: str = "",
        from_email: str | None = None,
        to: Addresses = (),
        *,
        cc: Addresses = (),
        bcc: Addresses = (),
        reply_to: Addresses = (),
        html: str = "",
        is_html: bool = False,
        body_format: str = "",
        text_from_html: bool = False,
        attachments: Sequence[Any] = (),
        headers: Mapping[str, str] | None = None,
        alternatives: Sequence[tuple[Any, str]] | None = None,
        connection: Any = None,
        priority: Priority | str = "",
        label: str = "",
        route: RouteKey | str = "",
        subject_prefix: str = "",
        delivery: str = "",
        send_at: datetime | None = None,
        expires_at: datetime | None = None,
        idempotency_key: str = "",
        metadata: Mapping[str, Any] | None = None,
        on_unsure: str = "",
    ) -> None:
        content = bodies(body, html, body_format, is_html, text_from_html)
        super().__init__(
            _subject(subject, subject_prefix),
            content.body,
            addressing.sender(from_email),
            addressing.several(to, "to"),
            cc=addressing.several(cc, "cc"),
            bcc=addressing.several(bcc, "bcc"),
            reply_to=addressing.several(reply_to, "reply_to"),
            headers=dict(headers or {}),
            alternatives=list(alternatives or ()),
            connection=connection,
        )
        addressing.check_number(len(self.to) + len(self.cc) + len(self.bcc))
        self.content_subtype = content.subtype
        if content.html:
            self.attach_alternative(content.html, "text/html")
        for attachment in _listed(attachments):
            self._add(attaching.read(attachment, self._place()))
        if priority:
            self.extra_headers |= importance_headers(priority_of(priority), self.extra_headers)
        own = {
            "priority": priority,
            "delivery": delivery,
            "send_at": send_at,
            "expires_at": expires_at,
            "idempotency_key": idempotency_key,
            "on_unsure": on_unsure,
            "metadata": metadata,
        }
        for name, value in own.items():
            if value not in (None, ""):
                setattr(self, OPTION_PREFIX + name, read_option(name, value))
        self.mailadmin_label = _label(label)
        self.mailadmin_route = _route(route)

    def attach(self, filename: Any = None, content: Any = None, mimetype: str | None = None) -> None:
        """Attach a name with its content (bytes, text or an open file), as Django does; or one thing that can be
        attached, see the class, but a text alone. Raises BadMessage."""
        place = self._place()
        if content is not None or isinstance(filename, str | None):
            self._add(attaching.named(filename, content, mimetype, place))
        else:
            self._add(attaching.read(filename, place))

    def attach_file(self, path: str | os.PathLike[str], mimetype: str | None = None) -> None:
        """Attach the file at `path`, as Django does. Raises BadMessage."""
        place = self._place()
        file = attaching.read(Path(path), place)
        if not isinstance(file, ParsedMessage):
            self._add(attaching.named(file.filename, file.content, mimetype or file.mimetype, place))

    def attach_inline(self, source: Any, cid: str = "", name: str = "", type: str = "") -> str:  # noqa: A002 -- as in MIME
        """Attach a file that the HTML shows, and return its address there: `<img src="cid:...">` (RFC 2392).

        `source` is what `attachments` takes; the Content-ID is made up where `cid` is empty. Raises BadMessage.
        """
        place = self._place()
        try:
            cid = parts.content_id(cid)
        except ValueError:
            text = _("“{cid}” is no Content-ID: letters, digits and . _ + @ - can stand in it.").format(cid=cid[:60])
            raise place.bad(Kind.ATTACHMENT_BAD, text) from None
        file = attaching.read(source, place)
        if isinstance(file, ParsedMessage):
            raise place.bad(Kind.ATTACHMENT_BAD, _("A part that is ready has a Content-ID of its own: attach it."))
        file = attaching.named(name or file.filename, file.content, type or file.mimetype, place)
        data = file.content.encode("utf-8", "replace") if isinstance(file.content, str) else file.content
        if not isinstance(data, bytes):
            raise place.bad(Kind.ATTACHMENT_BAD, _("A message cannot be shown inside of another one."))
        self._add(parts.file_part(str(file.filename), data, str(file.mimetype), cid))
        return f"cid:{cid}"

    def message(self, *args: Any, **kwargs: Any) -> Any:
        """As Django's, with files that the HTML shows beside it."""
        built = super().message(*args, **kwargs)
        if any(parts.is_inline(attachment) for attachment in self.attachments):
            parts.relate(built)
        return built

    def _place(self) -> attaching.Place:
        """Return the place of the next attachment. Raises BadMessage when there is none left."""
        number = len(self.attachments) + 1
        if number > limits.ATTACHMENTS:
            text = _("At most {most} files are taken with one message.").format(most=limits.ATTACHMENTS)
            raise bad_message(Kind.ATTACHMENTS_TOO_MANY, text, f"attachments.{number}")
        taken = sum(attaching.size(attachment) for attachment in self.attachments)
        return attaching.Place(number, limits.ATTACHMENTS_BYTES - taken)

    def _add(self, attachment: Any) -> None:
        """Attach what was read. Django would write the bytes of a text anew, with line ends of its own."""
        if isinstance(attachment, tuple) and isinstance(attachment[1], bytes) and attachment[2].startswith("text/"):
            attachment = parts.file_part(*attachment)
        super().attach(*(attachment if isinstance(attachment, tuple) else (attachment,)))


def _subject(subject: str, prefix: str) -> str:
    """Return the subject behind its prefix. Raises BadMessage for a line break, which would make another header."""
    text = f"{str(prefix or '').strip()} {subject or ''}".strip() if prefix else str(subject or "")
    if "\n" in text or "\r" in text:
        raise bad_message(Kind.BAD_HEADER, _("The subject holds a line break."), "subject")
    return text


def _listed(attachments: Any) -> list[Any]:
    """Return the attachments as a list. Raises BadMessage for one alone, whose letters would be taken for many."""
    if isinstance(attachments, str | bytes) or not hasattr(attachments or (), "__iter__"):
        text = _("Attachments must be a list, even if there is only one.")
        raise bad_message(Kind.ATTACHMENT_BAD, text, "attachments")
    return list(attachments or ())


def _label(label: str) -> str:
    if len(label) > limits.LABEL_CHARS or not label.isprintable():
        text = _("An endpoint label has at most {most} printable characters.").format(most=limits.LABEL_CHARS)
        raise bad_message(Kind.BAD_OPTION, text, "label")
    return label


def _route(route: RouteKey | str) -> RouteKey | str:
    if not isinstance(route, RouteKey | str):
        raise bad_message(Kind.ROUTE_UNKNOWN, _("A route is asked for by its name or its key."), "route")
    return route

"""In which form a message goes to Microsoft Graph (pure): one request in MIME or JSON, or a draft with uploads."""

from __future__ import annotations

import json
from dataclasses import dataclass

from mailadmin.core import limits
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.settings import OAuthRoute
from mailadmin.core.sizes import base64_size, in_words
from mailadmin.core.texts import N_, _
from mailadmin.transports.base import Mail

from .json_form import json_message
from .mime import encoded, graph_content, graph_mime
from .parts import Attachment, CannotTravelError, take_apart

_TOO_LARGE = N_("it is too large for one request")


@dataclass(frozen=True)
class MimePlan:
    """One sendMail with `body` in base64 (text/plain). `remark` is for the log, "" when there is nothing to say."""

    body: bytes
    remark: str = ""


@dataclass(frozen=True)
class JsonPlan:
    """One sendMail with `body` in JSON."""

    body: bytes
    remark: str = ""


@dataclass(frozen=True)
class DraftPlan:
    """A draft from `mime` (base64, text/plain), `attachments` added one by one, then sent."""

    mime: bytes
    attachments: tuple[Attachment, ...]
    remark: str = ""


Plan = MimePlan | JsonPlan | DraftPlan


def plan_for(mail: Mail, route: OAuthRoute) -> Plan:
    """Return how `mail` goes by `route`.

    MIME carries every message and always leaves a copy in Sent Items; JSON needs fewer bytes and can do without the
    copy, but is used only where the message loses nothing. Raises MailError (LARGE_NOT_ALLOWED, NOT_CARRIED).
    """
    content = graph_content(mail)
    fits = base64_size(content.size) <= limits.GRAPH_REQUEST_BYTES
    lost = ""
    if not fits or not route.save_to_sent:
        try:
            return JsonPlan(_json(mail, route))
        except CannotTravelError as reason:
            lost = str(reason)
    saved = "" if route.save_to_sent else _("a copy was saved in Sent Items, because {reason}").format(reason=lost)
    if fits:
        return MimePlan(encoded(graph_mime(mail)), saved)
    if not route.large_messages:
        raise _too_large(content.size)
    return _draft(mail, saved)


def _json(mail: Mail, route: OAuthRoute) -> bytes:
    """Return the body of a request in JSON. Raises CannotTravelError."""
    if mail.content.size > 2 * limits.GRAPH_REQUEST_BYTES:  # nothing shrinks to the half: spare the work
        raise CannotTravelError(_(_TOO_LARGE))
    message = json_message(mail, mail.mailbox or route.identity)
    try:
        body = json.dumps({"message": message, "saveToSentItems": route.save_to_sent}, ensure_ascii=False).encode()
    except UnicodeEncodeError:  # half a surrogate pair, which some character sets can hold
        raise CannotTravelError(_("it holds what is no character of Unicode")) from None
    if len(body) > limits.GRAPH_REQUEST_BYTES:
        raise CannotTravelError(_(_TOO_LARGE))
    return body


def _draft(mail: Mail, saved: str) -> DraftPlan:
    content = graph_content(mail)
    try:
        apart = take_apart(content, limits.GRAPH_REQUEST_BYTES // 4 * 3)
    except CannotTravelError as reason:
        text = _("The message has {size}, and {reason}.").format(size=in_words(content.size), reason=reason)
        raise MailError(Fault(Phase.MESSAGE, Kind.NOT_CARRIED, text)) from None
    changes = (file.changed for file in apart.attachments)
    remark = "; ".join(filter(None, (saved, *dict.fromkeys(changes))))
    return DraftPlan(encoded(bytes(apart.rest)), apart.attachments, remark)


def _too_large(size: int) -> MailError:
    most = in_words(limits.GRAPH_REQUEST_BYTES // 4 * 3)
    text = _(
        "The message has {size}, and one request takes about {most}. Send a smaller one, send it by "
        "SMTP, or allow large messages on the OAuth service."
    ).format(size=in_words(size), most=most)
    return MailError(Fault(Phase.MESSAGE, Kind.LARGE_NOT_ALLOWED, text))

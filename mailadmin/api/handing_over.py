"""A client hands over a message: it is built, what the client may is asked, and it is sent or queued."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from django.utils.translation import gettext as _

from mailadmin.core import limits, sender
from mailadmin.core.addresses import AddressError, parse
from mailadmin.core.errors import BadMessage, DeliveryUnsure, MailError
from mailadmin.core.fault import Kind
from mailadmin.core.outcome import SendResult
from mailadmin.core.settings import RouteKey
from mailadmin.core.validation import sender_list
from mailadmin.delivery import routes
from mailadmin.delivery.clients import routes_named
from mailadmin.delivery.compose import send_built
from mailadmin.delivery.message import Message
from mailadmin.models import ApiClient

from .fields import Given, content_of, message_of, named
from .multipart import Part
from .problems import Problem, Wrong, bad_fields, of_error
from .schemas import MessageIn

KEY_HEADER = "Idempotency-Key"
# The field that is wrong, where the fault is found only when the message is sent.
_FIELDS = {Kind.NO_RECIPIENTS: "to", Kind.NO_SENDER: "from", Kind.KEY_REUSED: "idempotency_key"}
_KEY_CHARS = limits.IDEMPOTENCY_KEY_CHARS - 33  # the log has it behind the client's number and a colon


def hand_over(client: ApiClient, fields: Mapping[str, Any], files: Sequence[Part], key: str | None) -> SendResult:
    """Send or queue the message that `fields` and `files` describe, and return what became of it. With an idempotency
    `key` that the client gave before, that is what is known of the first message. Raises Problem."""
    asked, given = message_of(fields)
    scoped = _scoped(client, key)
    try:
        message = _built(client, asked, files, scoped)
    except BadMessage as error:
        raise _not_sent(error, given) from None
    refuse_sender(client, str(message.from_email), given.get("from", "from"))
    if scoped:
        message.mailadmin_fingerprint = _fingerprint(fields, files)  # type: ignore[attr-defined]  # read beside its other options
    if asked.route:
        refuse_route(client, routes.current().named(asked.route), given["route"])
    try:
        return send_built(message, client=client.pk, label=client.label)
    except DeliveryUnsure:  # it may have arrived: no failure, after which a program would send it once more
        result: SendResult = message.mailadmin  # type: ignore[attr-defined]  # the documented place for the result
        return result
    except MailError as error:
        raise _not_sent(error, given, getattr(message, "mailadmin", None), scoped.partition(":")[0]) from None


def refuse_sender(client: ApiClient, text: str, place: str = "from") -> None:
    """Refuse a message from `text` that `client` may not send. Raises Problem (403)."""
    allowed = sender_list(client.senders)
    try:
        given = parse(text, local_names=True)
    except AddressError:
        given = None
    if allowed and (given is None or not sender.listed(given, allowed)):
        said = _("This API client may send as {allowed}, and not as “{sender}”.").format(
            allowed=", ".join(allowed), sender=text[:80]
        )
        raise Problem(403, "sender-not-allowed", said, [Wrong(place, "sender-not-allowed", said)])


def refuse_route(client: ApiClient, key: RouteKey | None, place: str = "route") -> None:
    """Refuse a route that `client` may not use. Raises Problem (403)."""
    if client.routes and key and key not in routes_named(client.routes):
        text = _("This API client may not use that route.")
        raise Problem(403, "route-not-allowed", text, [Wrong(place, "route-not-allowed", text)])


def _scoped(client: ApiClient, key: str | None) -> str:
    """Return the key as the log has it, so that clients do not meet in it; "" without one. Raises Problem."""
    if key is None:
        return ""
    if not (1 <= len(key) <= _KEY_CHARS and key.isascii() and key.isprintable() and key == key.strip()):
        text = _("The header “{name}” has 1 to {number} printable characters of ASCII.")
        text = text.format(name=KEY_HEADER, number=_KEY_CHARS)
        raise bad_fields([Wrong(KEY_HEADER, "bad-key", text)])
    return f"{client.pk.hex}:{key}"


def _built(client: ApiClient, asked: MessageIn, files: Sequence[Part], key: str) -> Message:
    """Return the message. Raises BadMessage and Problem."""
    values = asked.model_dump(exclude_none=True, exclude={"from_", "text", "attachments", "metadata", "headers"})
    message = Message(
        body=asked.text or "",
        from_email=asked.from_ if asked.from_ is not None else _own_sender(client),
        headers=asked.headers,
        metadata=asked.metadata,
        idempotency_key=key,
        **values,
    )
    for one in _attachments(asked, files):
        file = (one.name, one.data, one.type or None)
        if one.content_id:
            message.attach_inline(file, one.content_id.strip().removeprefix("<").removesuffix(">"))
        else:
            message.attach(*file)
    return message


def _fingerprint(fields: Mapping[str, Any], files: Sequence[Part]) -> str:
    """Return a digest of all that a request says, whatever the order of its fields is."""
    found = hashlib.sha256(json.dumps(fields, sort_keys=True).encode())
    for file in files:
        found.update(repr((file.filename, file.type, file.content_id, hashlib.sha256(file.data).digest())).encode())
    return found.hexdigest()


def _attachments(asked: MessageIn, files: Sequence[Part]) -> list[Part]:
    """Return what is attached: what the message holds in base64, then the files beside it. Raises Problem."""
    found = [
        Part(one.name, content_of(one, place), one.name, one.type or "", one.content_id or "")
        for place, one in enumerate(asked.attachments or (), 1)
    ]
    return [*found, *(replace(file, name=file.filename or "") for file in files)]


def _own_sender(client: ApiClient) -> str | None:
    """Return who a message without From is from: the first address that the client may send as; None where it may send
    as anybody, and its route or the site decides. Raises Problem."""
    allowed = sender_list(client.senders)
    if not allowed:
        return None
    if own := next((one for one in allowed if "@" in one), None):
        return own
    text = _("Name the sender in “from”: this API client may send as anybody of {domains}.")
    raise bad_fields([Wrong("from", "missing", text.format(domains=", ".join(allowed)))])


def _not_sent(error: MailError, given: Given, result: SendResult | None = None, own: str = "") -> Problem:
    """Return the problem of a message that was not sent; `own` is the client's number, which stands before its keys."""
    if error.fault.kind is Kind.KEY_REUSED:
        error = BadMessage(replace(error.fault, text=error.fault.text.replace(f"{own}:", "")))
    place = error.fault.field or _FIELDS.get(error.fault.kind, "")
    problem = of_error(error, named(place, given) if place else "")
    if result:
        problem.more = {**problem.more, "id": result.delivery_id, "state": result.state.value}
    return problem

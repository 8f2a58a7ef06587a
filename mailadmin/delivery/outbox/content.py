"""The content of a queued message at rest: sealed with the key ring, in pieces that every database takes.

A message is one sealed row: what its draft says, and its bytes where they are few. The bytes of a long one follow in
parts of limits.CONTENT_PART_BYTES, each sealed for its message and number, so that neither side ever holds the whole
message twice. Attachments stand there as they are and not in base64.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from django.db import connections, router
from django.db.backends.utils import CursorWrapper

from mailadmin import conf
from mailadmin.core import limits
from mailadmin.core.addresses import Address
from mailadmin.core.content import Content, Encoded
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.keyring import CannotOpen, KeyRing
from mailadmin.core.texts import _
from mailadmin.delivery.convert import Draft
from mailadmin.delivery.keyed import Delete, Fetch
from mailadmin.delivery.prepared import Insert
from mailadmin.models import MessageContent, MessagePart

_FORM = 1  # of what is stored; another one is another number
_TEXT, _BASE64 = "text", "base64"
_READ_PARTS = 4  # parts that are read at a time

_insert_content = Insert(MessageContent)
_insert_part = Insert(MessagePart)
_fetch_draft = Fetch(lambda key: MessageContent.objects.filter(pk=key).values_list("sealed_draft"))
_delete_content = Delete(MessageContent, "delivery_id")
_delete_parts = Delete(MessagePart, "content_id")


def store(delivery_id: uuid.UUID, draft: Draft, cursor: CursorWrapper, until: datetime | None = None) -> None:
    """Write `draft` as the content of a delivery, in the caller's transaction: one statement, and one for each
    further MB. `until` is when it is forgotten, None with the end of its stay in the outbox.

    Raises ConfigurationError without an encryption key, and what the database raises.
    """
    ring = conf.key_ring()
    body = draft.content.body
    few = sum(_length(piece) for piece in body) <= limits.CONTENT_INLINE_BYTES
    clear = json.dumps(_described(draft, inline=few), separators=(",", ":")).encode() + b"\n"
    if few:
        clear += b"".join(_data(piece) for piece in body)
    sealed = ring.seal_bytes(_context(delivery_id), clear)
    row = {"delivery_id": delivery_id, "key_id": ring.current, "sealed_draft": sealed, "until": until}
    _insert_content(cursor, [row])
    for number, data in enumerate(() if few else _parts(body)):
        part = ring.seal_bytes(_context(delivery_id, number), data)
        _insert_part(cursor, [{"content_id": delivery_id, "number": number, "sealed": part}])


def load(delivery_id: uuid.UUID) -> Draft:
    """Return the draft that was stored for a delivery. Raises MailError (content-lost) when it is gone or cannot be
    opened, and what the database raises."""
    with connections[router.db_for_write(MessageContent)].cursor() as cursor:
        found = _fetch_draft(cursor, delivery_id)
    if not found:
        raise _lost(_("Nothing is stored for this message."))
    ((sealed,),) = found
    try:
        ring = conf.key_ring()
        said, _newline, inline = ring.open_bytes(_context(delivery_id), bytes(sealed)).partition(b"\n")
        described = json.loads(said)
        if described["form"] != _FORM:
            raise _lost(_("It was stored by a newer version of mailadmin."))
        stream = iter([inline]) if described["inline"] else _read(ring, delivery_id)
        return _draft(described, stream)
    except CannotOpen as error:
        raise _lost(str(error)) from None
    except (conf.ConfigurationError, ValueError, KeyError, TypeError) as error:
        raise _lost(str(error)) from error


def keep(delivery_id: uuid.UUID, until: datetime) -> None:
    """Keep the content of a message that is over until a moment; what is not there is not missed."""
    MessageContent.objects.filter(pk=delivery_id).update(until=until)


def forget(delivery_id: uuid.UUID) -> None:
    """Delete the content of a message."""
    with connections[router.db_for_write(MessageContent)].cursor() as cursor:  # the ORM would look for the parts again
        _delete_parts(cursor, {"content_id": delivery_id})
        _delete_content(cursor, {"delivery_id": delivery_id})


def _context(delivery_id: uuid.UUID, number: int | None = None) -> str:
    return f"message:{delivery_id}" if number is None else f"message:{delivery_id}:{number}"


def _lost(text: str) -> MailError:
    return MailError(Fault(Phase.MESSAGE, Kind.CONTENT_LOST, text=text))


# -- writing ---------------------------------------------------------------------------------------------


def _described(draft: Draft, *, inline: bool) -> dict[str, Any]:
    """Return everything of `draft` but the bytes of its body; a head is bytes, one character for each."""
    return {
        "form": _FORM,
        "inline": inline,
        "head": draft.content.head.decode("latin-1"),
        "body": [[_BASE64 if isinstance(piece, Encoded) else _TEXT, _length(piece)] for piece in draft.content.body],
        "message_id": draft.message_id,
        "subject": draft.subject,
        "sender": _told(draft.sender) if draft.sender else None,
        "envelope": draft.envelope,
        "recipients": [[*_told(address), kind] for address, kind in draft.recipients],
        "named": sorted(draft.named),
        "has_reply_to": draft.has_reply_to,
        "attachments": draft.attachments,
        "label": draft.label,
    }


def _told(address: Address) -> list[str]:
    return [address.name, address.local, address.domain]


def _length(piece: bytes | Encoded) -> int:
    return len(_data(piece))


def _data(piece: bytes | Encoded) -> bytes:
    return piece.data if isinstance(piece, Encoded) else piece


def _parts(body: tuple[bytes | Encoded, ...]) -> Iterator[bytes]:
    """Yield the bytes of all pieces, one after the other, in parts of one size (the last one is shorter)."""
    part = bytearray()
    for piece in body:
        view = memoryview(_data(piece))
        while len(view):
            taken = view[: limits.CONTENT_PART_BYTES - len(part)]
            part += taken
            view = view[len(taken) :]
            if len(part) == limits.CONTENT_PART_BYTES:
                yield bytes(part)
                part.clear()
    if part:
        yield bytes(part)


# -- reading ---------------------------------------------------------------------------------------------


def _read(ring: KeyRing, delivery_id: uuid.UUID) -> Iterator[bytes]:
    """Yield the clear parts in their order, a few read at a time. A missing one ends them."""
    number = 0
    while rows := list(
        MessagePart.objects.filter(content=delivery_id, number__gte=number)
        .order_by("number")
        .values_list("number", "sealed")[:_READ_PARTS]
    ):
        for found, sealed in rows:
            if found != number:
                return
            yield ring.open_bytes(_context(delivery_id, number), bytes(sealed))
            number += 1


def _draft(described: dict[str, Any], stream: Iterator[bytes]) -> Draft:
    sender = described["sender"]
    return Draft(
        content=Content(described["head"].encode("latin-1"), tuple(_body(described["body"], stream))),
        message_id=described["message_id"],
        subject=described["subject"],
        sender=Address(*sender) if sender else None,
        envelope=described["envelope"],
        recipients=tuple((Address(*address), kind) for *address, kind in described["recipients"]),
        named=frozenset(described["named"]),
        has_reply_to=described["has_reply_to"],
        attachments=described["attachments"],
        label=described["label"],
    )


def _body(pieces: list[tuple[str, int]], stream: Iterator[bytes]) -> Iterator[bytes | Encoded]:
    """Yield the pieces, cut from the `stream` of bytes. Raises MailError when it ends too soon."""
    rest = memoryview(b"")
    for kind, length in pieces:
        found: list[memoryview] = []
        while length:
            if not rest:
                rest = memoryview(next(stream, b""))
            if not rest:
                raise _lost(_("A part of it is missing."))
            found.append(rest[:length])
            length -= len(found[-1])
            rest = rest[len(found[-1]) :]
        data = b"".join(found)
        found.clear()
        yield Encoded(data) if kind == _BASE64 else data

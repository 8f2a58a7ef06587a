"""From a Django message to its bytes: by Django's own code, but large attachments are encoded while they are sent.

A stand-in goes through the build in place of a large attachment, and comes out as one known line of base64; there
the message is cut, and the attachment itself takes the place of the line. Nothing is encoded twice or joined.
"""

from __future__ import annotations

import base64
import copy
import email.errors
import email.message
import email.policy
import os
from typing import Any, cast

import django
import django.core.mail.message
from django.core.mail import EmailMessage, EmailMultiAlternatives

from mailadmin.core import limits
from mailadmin.core.content import Content, Encoded
from mailadmin.core.errors import BadMessage, MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.headers import canonical
from mailadmin.core.redact import clean
from mailadmin.core.seven_bit import wire_safe
from mailadmin.language import callers_language

from .message import Message
from .quick_mime import QUICK_COMPAT32, QUICK_SMTP, serialise

_MODERN = django.VERSION >= (6, 0)  # builds with Python's modern e-mail API
_DJANGOS = vars(django.core.mail.message)
_STEPS = frozenset(
    name
    for name in {*vars(EmailMessage), *vars(EmailMultiAlternatives)}
    if name == "message" or name.startswith(("_create_", "_add_", "_set_", "_idna_"))
)
_STAND_IN_BYTES = 54  # one line of 72 letters; nobody can have the same random bytes in a message

_Piece = bytes | Encoded


def build(message: EmailMessage) -> Content:
    """Return the bytes of `message` as Django's own backend sends them, within the rules of the wire. `message` is
    not changed.

    Raises BadMessage for what cannot be built; the errors of Django and Python are of many types.
    """
    try:
        with callers_language():
            content = _streamed(message) if _is_djangos(message) else Content.of(canonical(_plain(message)))
    except MailError:
        raise
    except (ValueError, email.errors.MessageError) as error:
        raise BadMessage(Fault(Phase.MESSAGE, Kind.BAD_HEADER, text=clean(str(error)))) from error
    except Exception as error:
        text = clean(f"{type(error).__name__}: {error}")
        raise BadMessage(Fault(Phase.MESSAGE, Kind.BAD_MESSAGE, text=text)) from error
    return wire_safe(content)


def _plain(message: EmailMessage) -> bytes:
    """Serialise as Django's own backend does."""
    either: Any = message  # the two Djangos give different classes
    if _MODERN:
        return bytes(either.message(policy=email.policy.SMTP).as_bytes())
    return bytes(either.message().as_bytes(linesep="\r\n"))


def _quick(message: EmailMessage) -> bytes:
    """Serialise a message that Django's own code builds: the same bytes in less time."""
    either: Any = message
    if _MODERN:
        return serialise(either.message(policy=QUICK_SMTP), QUICK_SMTP)
    return serialise(either.message(), QUICK_COMPAT32)


def _streamed(message: EmailMessage) -> Content:
    """Build with a stand-in for each large attachment, and put the attachments in their places."""
    stand_ins: dict[bytes, _Piece] = {}
    attachments = [_stood_in(attachment, stand_ins) for attachment in message.attachments]
    if not stand_ins:
        return Content.of(canonical(_quick(message)))
    twin = object.__new__(type(message))
    vars(twin).update(vars(message), attachments=attachments)
    rest = canonical(_quick(twin))
    pieces: list[_Piece] = []
    for letters, piece in sorted(stand_ins.items(), key=lambda stand_in: rest.find(stand_in[0])):  # as they stand now
        before, found, rest = rest.partition(letters + b"\r\n")
        if not found:  # never seen; a code page or a patch of Django that nobody knows
            return Content.of(canonical(_quick(message)))
        pieces += [before, piece]
    first = Content.of(cast("bytes", pieces[0]))
    return Content(first.head, (*first.body, *pieces[1:], rest))


def _stood_in(attachment: Any, stand_ins: dict[bytes, _Piece]) -> Any:
    """Return `attachment`, or a small one like it whose letters and whose real content are added to `stand_ins`."""
    if isinstance(attachment, email.message.Message):
        return _part_stood_in(attachment, stand_ins)
    if not _is_triple(attachment):
        return attachment  # Django says what is wrong with it
    filename, content, kind = attachment
    if type(content) is not bytes or len(content) <= limits.STREAMED_BYTES or not _is_binary(kind):
        return attachment
    data, letters = _stand_in()
    stand_ins[letters] = Encoded(content)
    return filename, data, kind


def _part_stood_in(part: email.message.Message, stand_ins: dict[bytes, _Piece]) -> email.message.Message:
    """Do the same for a part that the application made: its letters are there already, and are taken as they are."""
    letters = part.get_payload()
    if (
        not type(part).__module__.startswith("email.")
        or not isinstance(letters, str)
        or len(letters) <= limits.STREAMED_BYTES
        or str(part.get("Content-Transfer-Encoding", "")).lower() != "base64"
        or not _is_binary(part.get_content_type())
        or not (letters.isascii() and letters.endswith("\n") and "\r" not in letters)
    ):
        return part
    twin = copy.copy(part)
    _, known = _stand_in()
    twin.set_payload(known.decode() + "\n")
    stand_ins[known] = letters.encode().replace(b"\n", b"\r\n")
    return twin


def _stand_in() -> tuple[bytes, bytes]:
    """Return random bytes, and the letters that they are in base64."""
    data = os.urandom(_STAND_IN_BYTES)
    return data, base64.b64encode(data)


def _is_binary(kind: Any) -> bool:
    """Tell whether Django puts an attachment of this type in base64, whatever is in it."""
    main, slash, _ = kind.partition("/") if isinstance(kind, str) else ("", "", "")
    return bool(slash) and main.lower() not in ("text", "message", "multipart")


def _is_triple(attachment: Any) -> bool:
    """Tell whether `attachment` has a name, a content and a type, as `EmailAttachment` does."""
    return isinstance(attachment, tuple | list) and len(attachment) == 3


def _is_djangos(message: EmailMessage) -> bool:
    """Tell whether every step of the build is Django's own code, also for the messages attached to it."""
    kind = type(message)
    return (
        all(_is_step(getattr(kind, name, None)) for name in _STEPS)
        and _STEPS.isdisjoint(vars(message))
        and "attachments" in vars(message)
        and not any(
            _is_triple(attachment) and isinstance(attachment[1], EmailMessage) for attachment in message.attachments
        )
    )


def _is_step(step: Any) -> bool:
    """Tell whether `step` is Django's, or our own, which moves finished parts: an override or a patch of another
    package brings globals of its own."""
    return step is None or step is Message.message or getattr(step, "__globals__", None) is _DJANGOS

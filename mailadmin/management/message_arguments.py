"""A message on the command line: its arguments, what is read for them, and which of them is wrong."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from mailadmin.core import limits
from mailadmin.core.errors import BadMessage
from mailadmin.core.files import media_type
from mailadmin.core.sizes import in_words
from mailadmin.delivery.message import Message
from mailadmin.delivery.options import DIRECT, QUEUED
from mailadmin.delivery.raw import RawMessage

BAD_MESSAGE = 2
STANDARD_INPUT = "-"
_CONTENT = (
    "subject",
    "text",
    "html",
    "text_file",
    "html_file",
    "body_format",
    "reply_to",
    "attach",
    "inline",
    "prefix",
)
_READ = ("text_file", "html_file", "recipients_from", "raw")
# The names of what may be wrong, where they are others than those of the options.
_OPTIONS = {"from_email": "from", "body": "text", "attachments": "attach", "idempotency_key": "key"}


def add_arguments(parser: ArgumentParser) -> None:
    """Take a message."""
    people: dict[str, Any] = {"action": "append", "default": [], "metavar": "ADDRESS"}
    parser.add_argument(
        "--to", **people, help="a recipient, or several with commas; may be repeated, as the next three"
    )
    for name in ("cc", "bcc", "reply-to"):
        parser.add_argument(f"--{name}", **people)
    parser.add_argument(
        "--recipients-from", metavar="FILE", help="further recipients, one a line, as Bcc; “-” reads them in"
    )
    parser.add_argument(
        "--from", dest="sender", metavar="ADDRESS", help="else DEFAULT_FROM_EMAIL, or that of the route"
    )
    parser.add_argument("--subject")
    parser.add_argument("--text", help="the text itself; with --html a reader chooses between the two")
    parser.add_argument("--html", help="the HTML itself")
    parser.add_argument(
        "--text-file", metavar="FILE", help="the text is in this file; “-” reads it from standard input"
    )
    parser.add_argument("--html-file", metavar="FILE", help="as --text-file")
    parser.add_argument("--body-format", metavar="FORMAT", help="of the text: text, flowed, html or enriched")
    parser.add_argument("--attach", action="append", default=[], metavar="PATH[:TYPE]", help="may be repeated")
    parser.add_argument(
        "--inline",
        action="append",
        default=[],
        metavar="CID=PATH[:TYPE]",
        help="a picture that the HTML shows as cid:CID",
    )
    parser.add_argument("--prefix", metavar="TEXT", help="before the subject")
    parser.add_argument(
        "--raw", metavar="FILE", help="a whole message (RFC 5322) in place of all that; “-” reads it in"
    )
    parser.add_argument("--priority", metavar="PRIORITY", help="urgent, normal or non-urgent")
    parser.add_argument("--label", help="the endpoint label")
    parser.add_argument("--route", metavar="NAME", help="use this connection or OAuth service, and no other")
    parser.add_argument(
        "--metadata", action="append", default=[], metavar="NAME=VALUE", help="for the log; may be repeated"
    )
    parser.add_argument("--key", help="an idempotency key: given again, nothing is sent again")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--direct", action="store_const", dest="mode", const=DIRECT, help="send now, and wait for it")
    mode.add_argument("--queued", action="store_const", dest="mode", const=QUEUED, help="let a worker send it")
    parser.add_argument(
        "--send-at", type=_moment, metavar="TIME", help="not before, such as 2026-11-21T18:30; queues it"
    )
    parser.add_argument("--expires-at", type=_moment, metavar="TIME", help="not after")


def message_of(options: Mapping[str, Any]) -> Message:
    """Return the message that the options describe. Raises CommandError with BAD_MESSAGE for what cannot be one."""
    if sum(options[name] == STANDARD_INPUT for name in _READ) > 1:
        raise _bad("Only one thing can be read from standard input.")
    try:
        return _raw(options) if options["raw"] else _composed(options)
    except BadMessage as error:
        raise bad_message(error) from None


def bad_message(error: BadMessage) -> CommandError:
    """Return the error for a message that cannot be sent, with the option that is wrong."""
    name, _, place = error.fault.field.partition(".")
    option = f"--{_OPTIONS.get(name, name).replace('_', '-')}" + (f", number {place}" if place else "")
    return _bad(f"{option}: {error}" if name else str(error))


def _composed(options: Mapping[str, Any]) -> Message:
    _exclude(options, "text", "text_file")
    _exclude(options, "html", "html_file")
    text, html = _text(options, "text"), _text(options, "html")
    if not (text or html or options["attach"]):
        raise _bad("There is nothing to send: give --text, --html, --text-file, --html-file, --attach or --raw.")
    message = Message(
        options["subject"] or "",
        text,  # type: ignore[arg-type]  # bytes, which the message reads as UTF-8
        options["sender"],
        options["to"],
        cc=options["cc"],
        bcc=[*options["bcc"], *_listed(options)],
        reply_to=options["reply_to"],
        html=html,  # type: ignore[arg-type]  # likewise
        body_format=options["body_format"] or "",
        subject_prefix=options["prefix"] or "",
        **_how(options),
    )
    for given in options["attach"]:
        message.attach_file(*_file(given))
    for given in options["inline"]:
        cid, equals, rest = given.partition("=")
        if not equals:
            raise _bad("--inline needs a name and a path, such as logo=images/logo.png.")
        path, kind = _file(rest)
        message.attach_inline(path, cid, type=kind)
    return message


def _raw(options: Mapping[str, Any]) -> Message:
    if given := next((name for name in _CONTENT if options[name]), ""):
        raise _bad(f"--raw is a whole message; --{given.replace('_', '-')} cannot be given beside it.")
    recipients = [*options["to"], *options["cc"], *options["bcc"], *_listed(options)]
    return RawMessage(_bytes(options["raw"]), recipients=recipients, sender=options["sender"] or "", **_how(options))


def _how(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return how the message is to be sent. A time to send at is for the outbox, whatever is usual."""
    return {
        "priority": options["priority"] or "",
        "label": options["label"] or "",
        "route": options["route"] or "",
        "metadata": dict(_pair(given) for given in options["metadata"]) or None,
        "idempotency_key": options["key"] or "",
        "delivery": options["mode"] or (QUEUED if options["send_at"] else ""),
        "send_at": options["send_at"],
        "expires_at": options["expires_at"],
    }


# -- what is given as a text ------------------------------------------------------------------------------


def _moment(text: str) -> datetime:
    """Read a time, in the time zone of the site where it names none. Raises ValueError, as argparse wants it."""
    found = parse_datetime(text)
    if found is None:
        raise ValueError(text)
    return timezone.make_aware(found) if timezone.is_naive(found) else found


_moment.__name__ = "time"  # argparse says "invalid time value"


def _pair(given: str) -> tuple[str, str]:
    name, equals, value = given.partition("=")
    if not equals:
        raise _bad("--metadata needs a name and a value, such as order=4711.")
    return name, value


def _file(given: str) -> tuple[str, str]:
    """Return the path of a file, and its type where one is given: behind the last colon, unless the whole is a path."""
    path, colon, kind = given.rpartition(":")
    if not colon or not path or Path(given).exists():
        return given, ""
    try:
        return path, media_type(kind)
    except ValueError:
        return given, ""


# -- what is read -------------------------------------------------------------------------------------------


def _exclude(options: Mapping[str, Any], one: str, other: str) -> None:
    if options[one] is not None and options[other] is not None:
        raise _bad(f"--{one} and --{other.replace('_', '-')} are two ways to say the same; give one of them.")


def _text(options: Mapping[str, Any], name: str) -> str | bytes:
    file = options[f"{name}_file"]
    return _bytes(file) if file is not None else options[name] or ""


def _listed(options: Mapping[str, Any]) -> Sequence[str]:
    """Return the recipients of a file: one or more a line; empty lines, and those that begin with #, are left out."""
    if options["recipients_from"] is None:
        return ()
    try:
        lines = _bytes(options["recipients_from"]).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise _bad("The recipients are not in UTF-8.") from None
    return [line for line in map(str.strip, lines) if line and not line.startswith("#")]


def _bytes(path: str) -> bytes:
    """Return what is in a file, or what comes in. Raises CommandError."""
    most = limits.ATTACHMENTS_BYTES
    try:
        if path == STANDARD_INPUT:
            content = sys.stdin.buffer.read(most + 1)
        else:
            with Path(path).open("rb") as file:
                content = file.read(most + 1)
    except (OSError, ValueError) as error:
        raise _bad(f"{path} cannot be read: {getattr(error, 'strerror', '') or error}.") from None
    if len(content) > most:
        raise _bad(f"{path} has more than {in_words(most)}.")
    return content


def _bad(text: str) -> CommandError:
    return CommandError(text, returncode=BAD_MESSAGE)

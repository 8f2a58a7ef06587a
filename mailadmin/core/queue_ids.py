"""The name under which a server keeps the message that it took, read from its answer: who runs that server finds the
message in its log by it (pure). No standard says how it is told; the patterns are of answers seen in the wild."""

from __future__ import annotations

import re

_ID = r"(?P<id>[A-Za-z0-9][A-Za-z0-9._+/=@-]{3,119})"
_CLOSED = r"(?=$|[\s>\])(,;])"
_END = rf"\.?{_CLOSED}"
# The most telling first.
_PATTERNS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\[InternalId=(?P<id>\d{{4,40}}){_CLOSED}",  # Exchange: "[InternalId=8280, Hostname=...] Queued mail"
        rf"\bqueued on \S+ as {_ID}{_END}",  # Yandex
        rf"\bqueued(?: mail)?(?: for delivery)?(?: as| with id| id:?) *[<(\[]?{_ID}{_END}",  # Postfix, SendGrid, Brevo
        rf"\bqueued \({_ID}\)",  # Haraka: "Message Queued (UUID.1)"
        rf"\b(?:message-?|mail-?|queue-?)?id ?[=:] ?[<(\[]?{_ID}{_END}",  # Exim, GMX and IONOS: "OK id=1rAbCd-..."
        rf"^(?:2\.\d+\.\d+ )?OK +\d{{9,11}} {_ID} - gsmtp\b",  # Gmail: "OK 1700000000 a1-20020a...sm1 - gsmtp"
        rf"^ok \d{{9,11}} qp (?P<id>\d{{2,10}}){_CLOSED}",  # qmail: "ok 1700000000 qp 12345"
        rf"^(?:2\.\d+\.\d+ )?{_ID} Message accepted for delivery",  # Sendmail, OpenSMTPD
        r"^(?:2\.\d+\.\d+ )?Ok (?P<id>[0-9a-f]{16}-[0-9a-f-]{36}-\d{6})$",  # Amazon SES
    )
)
_SECONDS = re.compile(r"[\d.]+(?:s|sec|seconds)?", re.IGNORECASE)  # hMailServer: "Queued (0.125 seconds)"
_TEXT_CHARS = 2000  # more than any answer that is shown


def queue_id(text: str) -> str:
    """Return the name that the server gave to the message in `text`, its answer without the code; "" when it told
    none that is known here."""
    for pattern in _PATTERNS:
        found = pattern.search(text[:_TEXT_CHARS])
        if found and (pattern is not _PATTERNS[3] or not _SECONDS.fullmatch(found["id"])):
            return found["id"].rstrip(".")
    return ""

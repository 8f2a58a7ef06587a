"""The steps that every way of signing in shares (RFC 4954)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import TYPE_CHECKING

from mailadmin.core.errors import MailError
from mailadmin.core.fault import Kind, Phase
from mailadmin.core.secret import Secret

from .reply import Reply

if TYPE_CHECKING:
    from .session import SmtpSession

SIGNED_IN, CHALLENGE = 235, 334


def missing_method(session: SmtpSession, wanted: Iterable[str], offered: tuple[str, ...]) -> MailError:
    """Return the error for a server that offers none of the methods we know."""
    said = f"It offers {' '.join(offered)}" if offered else "It offers no sign-in at all"
    return session.fault(
        Phase.AUTH,
        Kind.MECHANISM_MISSING,
        session.dialogue.clean(f"{said}; wanted was {' or '.join(wanted)}."),
    )


def send_secret(session: SmtpSession, payload: Secret, beginning: str = "") -> Reply:
    """Send `payload` in base64 after `beginning`; the dialogue shows only the beginning."""

    def line() -> str:
        encoded = base64.b64encode(payload.reveal().encode("utf-8", "surrogatepass")).decode("ascii")
        return f"{beginning} {encoded}".strip()

    return session.ask(Phase.AUTH, Secret(line), shown=beginning)


def finish(session: SmtpSession, reply: Reply) -> None:
    """Raise MailError unless `reply` says that we are signed in."""
    if reply.code != SIGNED_IN:
        raise session.refusal(Phase.AUTH, reply)


def challenge_of(session: SmtpSession, reply: Reply) -> bytes:
    """Return the challenge in `reply`. Raises MailError when it is none."""
    try:
        if reply.code == CHALLENGE:
            return base64.b64decode(reply.lines[-1], validate=False)
    except binascii.Error:
        pass
    raise session.refusal(Phase.AUTH, reply) from None

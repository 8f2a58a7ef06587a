"""The steps that every way of signing in shares (RFC 4954).

Error reports print the local variables of every frame that an exception passed: so no frame here or in the
mechanisms holds a secret in clear, only `Secret` values that the wire reveals while it sends, and the errors
of libraries, whose frames do hold it, are replaced by ours.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from typing import TYPE_CHECKING

from mailadmin.core.errors import MailError
from mailadmin.core.fault import Kind, Phase
from mailadmin.core.secret import Secret
from mailadmin.core.settings import SmtpRoute
from mailadmin.core.texts import _
from mailadmin.transports.smtp.reply import Reply

if TYPE_CHECKING:
    from mailadmin.transports.smtp.session import SmtpSession

SIGNED_IN, CHALLENGE = 235, 334


class Unusable(Exception):
    """A method cannot be used here, and nothing of it was sent: the next one may be."""


class LibraryMissing(Unusable):
    """The library for a method is not installed; `extra` is the extra of our package that brings it."""

    def __init__(self, method: str, extra: str) -> None:
        super().__init__(
            _('{method} needs a library that is not installed: pip install "mailadmin[{extra}]".').format(
                method=method, extra=extra
            )
        )


class Declined(MailError):
    """The server refused before anything that proves the password had left: this cannot have counted as a wrong
    password, so another method may follow."""


def account(route: SmtpRoute) -> str:
    """Return the user name as methods without a field for the domain carry it: DOMAIN\\user."""
    return f"{route.domain}\\{route.user}" if route.domain else route.user


def missing_method(session: SmtpSession, wanted: Iterable[str], offered: tuple[str, ...]) -> MailError:
    """Return the error for a server that offers none of the methods we want; it names both lists."""
    text = _("It offers no sign-in at all; wanted was {wanted}.")
    if offered:
        text = _("It offers {offered}; wanted was {wanted}.")
    text = text.format(offered=" ".join(offered), wanted=_(" or ").join(wanted))
    return session.fault(Phase.AUTH, Kind.MECHANISM_MISSING, session.dialogue.clean(text))


def encoded(payload: bytes) -> Secret:
    """Return `payload` as `send_encoded` takes it."""
    text = base64.b64encode(payload).decode("ascii")
    return Secret(text)


def send_secret(session: SmtpSession, payload: Secret, beginning: str = "") -> Reply:
    """Send the text of `payload`, as `send_encoded` does. Raises MailError for a refusal."""

    def line() -> str:
        return base64.b64encode(payload.reveal().encode("utf-8", "surrogatepass")).decode("ascii")

    return send_encoded(session, Secret(line), beginning)


def send_encoded(session: SmtpSession, payload: Secret, beginning: str = "") -> Reply:
    """Send `payload`, which is base64 already, after `beginning`; the dialogue shows only the beginning. An empty
    initial response is "=" (RFC 4954 section 4). Raises MailError for a refusal."""

    def line() -> str:
        return f"{beginning} {payload.reveal() or '='}" if beginning else payload.reveal()

    return session.ask(Phase.AUTH, Secret(line), shown=beginning)


def finish(session: SmtpSession, reply: Reply) -> None:
    """Raise MailError unless `reply` says that we are signed in."""
    if reply.code != SIGNED_IN:
        raise session.refusal(Phase.AUTH, reply)


def invited(session: SmtpSession, reply: Reply) -> None:
    """Raise MailError unless `reply` asks for our first message; its text may be anything ("ntlm supported")."""
    if reply.code != CHALLENGE:
        raise session.refusal(Phase.AUTH, reply)


def challenge_of(session: SmtpSession, reply: Reply) -> bytes:
    """Return the challenge in `reply`. Raises MailError when it is none."""
    try:
        if reply.code == CHALLENGE:
            return base64.b64decode(reply.lines[-1], validate=False)
    except binascii.Error:
        pass
    raise session.refusal(Phase.AUTH, reply) from None


def broken_off(session: SmtpSession, kind: Kind, text: str) -> MailError:
    """Return the error for an exchange that we end ourselves; the connection is closed, because the server still
    waits for our answer."""
    session.close()
    return session.fault(Phase.AUTH, kind, text)

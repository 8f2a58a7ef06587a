"""The methods that need nothing but user name and password: CRAM-MD5, PLAIN and LOGIN."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from mailadmin.core.fault import Phase
from mailadmin.core.secret import Secret
from mailadmin.core.texts import _

from .exchange import CHALLENGE, Unusable, account, challenge_of, finish, invited, send_secret

if TYPE_CHECKING:
    from mailadmin.transports.smtp.session import SmtpSession


def cram_md5(session: SmtpSession, offered: tuple[str, ...], password: Secret) -> None:
    """RFC 2195: the password answers a challenge and does not travel. Raises Unusable, and MailError."""
    try:
        hmac.new(b"", b"", "md5")
    except ValueError:  # a system in FIPS mode
        raise Unusable(_("this system does not allow MD5")) from None
    challenge = challenge_of(session, session.ask(Phase.AUTH, "AUTH CRAM-MD5"))
    user = account(session.route)

    def answer() -> str:
        return f"{user} {hmac.new(password.reveal().encode('utf-8', 'surrogatepass'), challenge, 'md5').hexdigest()}"

    finish(session, send_secret(session, Secret(answer)))


def plain(session: SmtpSession, offered: tuple[str, ...], password: Secret) -> None:
    """RFC 4616, in one line; a server that asks first is answered with the same. Raises MailError."""
    user = account(session.route)
    message = Secret(lambda: f"\0{user}\0{password.reveal()}")
    reply = send_secret(session, message, "AUTH PLAIN")
    if reply.code == CHALLENGE:
        reply = send_secret(session, message)
    finish(session, reply)


def login(session: SmtpSession, offered: tuple[str, ...], password: Secret) -> None:
    """The old method of two questions, never standardised, still the only one of some servers. Raises MailError."""
    invited(session, session.ask(Phase.AUTH, "AUTH LOGIN"))
    invited(session, send_secret(session, Secret(account(session.route))))
    finish(session, send_secret(session, password))

"""SCRAM (RFC 5802, RFC 7677): neither side shows the password, and the server proves that it knows it too.

The library scramp makes and checks the messages, and prepares user name and password (SASLprep, RFC 4013).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from mailadmin.core import limits
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Kind, Phase
from mailadmin.core.secret import Secret
from mailadmin.core.texts import N_, _

from . import binding
from .exchange import (
    SIGNED_IN,
    Declined,
    LibraryMissing,
    Unusable,
    account,
    broken_off,
    challenge_of,
    finish,
    send_secret,
)

if TYPE_CHECKING:
    from mailadmin.transports.smtp.session import SmtpSession

_PLUS = "-PLUS"
_NUMBER = re.compile(rb"[1-9][0-9]{0,9}")
_NOT_FIRST = N_("The server's first message is not what SCRAM wants.")


def sign_in(method: str, session: SmtpSession, offered: tuple[str, ...], password: Secret) -> None:
    """Sign in by `method`, one of SCRAM-SHA-256 and SCRAM-SHA-1, each also with -PLUS.

    Raises Unusable, MailError, Declined for a refusal before our proof left, and MailError with Kind.SERVER_PROOF
    when the server cannot prove that it knows the password: the connection is closed then.
    """
    client = _client(session, method, offered, password)
    challenge = _begin(session, method, Secret(client.get_client_first()))
    _refuse_errors(session, challenge, before_proof=True)
    reply = send_secret(session, _proof(session, client, challenge))
    if reply.code == SIGNED_IN:
        raise broken_off(session, Kind.SERVER_PROOF, _("The server sent no proof that it knows the password."))
    final = challenge_of(session, reply)
    _refuse_errors(session, final, before_proof=False)
    _check_proof(session, client, final)
    finish(session, session.ask(Phase.AUTH, ""))


def scramp() -> Any:
    """Return the library. Raises LibraryMissing."""
    try:
        import scramp  # only where it is used: it is an extra
    except ImportError:
        raise LibraryMissing("SCRAM", "scram") from None
    return scramp


def _client(session: SmtpSession, method: str, offered: tuple[str, ...], password: Secret) -> Any:
    """Return the library's client. Its frames hold the password in clear, so its errors do not leave this one."""
    library = scramp()
    bound = _binding(session, method, offered)
    try:
        return library.ScramClient([method], account(session.route), password.reveal(), channel_binding=bound)
    except library.ScramException as error:
        error.__traceback__ = None
    raise Unusable(_("the user name or the password holds characters that SCRAM does not know"))


def _binding(session: SmtpSession, method: str, offered: tuple[str, ...]) -> binding.Binding | None:
    """Return what the exchange is bound to, from which the library makes the first letter of its first message:
    "p" with a -PLUS method, "y" when we could and the server seems not to, "n" otherwise (RFC 5802 section 6).

    The binding to the certificate is used only where a -PLUS method was asked for by name: few mail servers
    know it, and trying would cost a refusal with every session.
    """
    if method.endswith(_PLUS):
        named = session.route.mechanism == method
        found = binding.unique(session) or (binding.end_point(session) if named else None)
        if found is None:
            raise Unusable(_("this connection has nothing that both sides could bind the sign-in to"))
        return found
    server_binds = any(name.startswith("SCRAM-") and name.endswith(_PLUS) for name in offered)
    return None if server_binds else binding.unique(session)


def _begin(session: SmtpSession, method: str, first: Secret) -> bytes:
    """Send the first message and return the server's. A server that asks for it first is given it again."""
    try:
        challenge = challenge_of(session, send_secret(session, first, f"AUTH {method}"))
        return challenge or challenge_of(session, send_secret(session, first))
    except MailError as error:
        raise _declined(error) from None


def _declined(error: MailError) -> MailError:
    """Return `error` as Declined if it is a refusal for good: the server has no SCRAM secret for this account."""
    return Declined(error.fault) if (error.fault.smtp_code or 0) >= 500 else error


def _refuse_errors(session: SmtpSession, message: bytes, *, before_proof: bool) -> None:
    """Raise MailError when the server's `message` is an error ("e=unknown-user"): it is acknowledged, and the
    refusal follows."""
    if not message.startswith(b"e="):
        return
    session.dialogue.remark(
        _("the server's reason: {reason}").format(reason=session.dialogue.clean(message.removeprefix(b"e=")))
    )
    try:
        reply = session.ask(Phase.AUTH, "")
    except MailError as error:
        raise (_declined(error) if before_proof else error) from None
    session.close()
    raise session.fault(Phase.AUTH, Kind.OUT_OF_STEP, reply=reply)


def _proof(session: SmtpSession, client: Any, challenge: bytes) -> Secret:
    """Return our proof for the server's first message. Raises MailError when that fits nothing, or asks for more
    work than a sign-in should cost."""
    wanted = rounds(challenge)
    if not wanted:
        raise broken_off(session, Kind.OUT_OF_STEP, _(_NOT_FIRST))
    if wanted > limits.SCRAM_ITERATIONS:
        text = _("The server asks for {wanted} rounds of hashing, more than the {limit} allowed.").format(
            wanted=wanted, limit=limits.SCRAM_ITERATIONS
        )
        raise broken_off(session, Kind.OUT_OF_STEP, text)
    try:
        client.set_server_first(challenge.decode())
        return Secret(client.get_client_final())
    except (scramp().ScramException, ValueError) as error:
        error.__traceback__ = None
    raise broken_off(session, Kind.OUT_OF_STEP, _(_NOT_FIRST))


def rounds(challenge: bytes) -> int:
    """Return how many rounds of hashing the server's first message asks for (RFC 5802 section 5.1), 0 when it does
    not say so plainly: a library might read another number there than we do."""
    named = [part.removeprefix(b"i=") for part in challenge.split(b",") if part.startswith(b"i=")]
    return int(named[0]) if len(named) == 1 and _NUMBER.fullmatch(named[0]) else 0


def _check_proof(session: SmtpSession, client: Any, final: bytes) -> None:
    """Raise MailError unless the server's last message proves that it knows the password."""
    try:
        client.set_server_final(final.decode())
        return
    except (scramp().ScramException, ValueError) as error:
        error.__traceback__ = None
    raise broken_off(session, Kind.SERVER_PROOF, _("The server's proof that it knows the password is wrong."))

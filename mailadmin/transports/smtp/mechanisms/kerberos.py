"""GSSAPI (RFC 4752): signing in as this very process, by its Kerberos ticket. No user name, no password.

The ticket for the server comes from the Kerberos library of the system, which asks the domain's key server
itself; so does everything that is specific to the site (realm, ticket cache, keytab).
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Protocol, TypeVar

from mailadmin.core.fault import Kind, Phase
from mailadmin.core.redact import clean
from mailadmin.core.texts import _

from .exchange import LibraryMissing, broken_off, challenge_of, encoded, finish, invited, missing_method, send_encoded
from .ntlm import spnego

if TYPE_CHECKING:
    from mailadmin.transports.smtp.session import SmtpSession

METHOD = "GSSAPI"
_NO_LAYER = 1  # the bit, and the choice, for "no security layer": RFC 4752 section 3.3
_Result = TypeVar("_Result")


class Wrapped(Protocol):
    """What wrapping and unwrapping return."""

    @property
    def data(self) -> bytes:
        """Return the bytes."""


class Context(Protocol):
    """A security context with a server, as pyspnego's `ContextProxy` has it."""

    @property
    def complete(self) -> bool:
        """Tell whether both sides know each other."""

    def step(self, in_token: bytes | None = None) -> bytes | None:
        """Return our next token for the server's."""

    def wrap(self, data: bytes, encrypt: bool = True) -> Wrapped:
        """Return `data` sealed, or only signed."""

    def unwrap(self, data: bytes) -> Wrapped:
        """Return what the server wrapped."""


NewContext = Callable[[str], Context]


def ticket_context(host: str) -> Context:
    """Return the context for the service smtp@`host` with the ticket of this process. Raises LibraryMissing, and
    whatever the library raises."""
    require_library()
    context: Context = spnego().client(hostname=host, service="smtp", protocol="kerberos")
    return context


def require_library() -> None:
    """Raise LibraryMissing when the libraries are not there."""
    try:
        for name in ("spnego", "gssapi", "krb5"):  # pyspnego needs the other two and would say so only later
            import_module(name)
    except ImportError:
        raise LibraryMissing(METHOD, "kerberos") from None


def sign_in(session: SmtpSession, offered: tuple[str, ...], new_context: NewContext = ticket_context) -> str:
    """Sign in with the ticket and return "GSSAPI". Raises MailError: Kind.TICKET_MISSING when there is no ticket
    for this server, Kind.SERVER_PROOF when the server cannot prove that it is the one of the ticket."""
    if METHOD not in offered:
        raise missing_method(session, [METHOD], offered)
    context, token = _first_token(session, new_context)
    # The token is longer than a command line may be, so it waits for the invitation (RFC 4954 section 4).
    invited(session, session.ask(Phase.AUTH, f"AUTH {METHOD}"))
    reply = send_encoded(session, encoded(token))
    while not context.complete:
        answer = _checked(session, context.step, challenge_of(session, reply))
        reply = send_encoded(session, encoded(answer or b""))
    offer = _checked(session, context.unwrap, challenge_of(session, reply)).data
    choice = _checked(session, context.wrap, _choice(session, offer), False).data
    finish(session, send_encoded(session, encoded(choice)))
    return METHOD


def _first_token(session: SmtpSession, new_context: NewContext) -> tuple[Context, bytes]:
    """Return the context and the token that opens it; this is where a ticket is needed."""
    try:
        context = new_context(session.host)
        return context, context.step() or b""
    except LibraryMissing as missing:
        raise session.fault(Phase.SETTINGS, Kind.LIBRARY_MISSING, str(missing)) from None
    except Exception as error:  # Kerberos, its configuration and its network fail in many ways
        text = clean(str(error))
    raise session.fault(Phase.AUTH, Kind.TICKET_MISSING, text)


def _checked(session: SmtpSession, call: Callable[..., _Result], *arguments: object) -> _Result:
    """Return what `call` returns. Raises MailError when the library does not take what the server sent."""
    try:
        return call(*arguments)
    except Exception as error:  # as above
        text = clean(str(error))
    raise broken_off(session, Kind.SERVER_PROOF, text)


def _choice(session: SmtpSession, offer: bytes) -> bytes:
    """Return our choice among the security layers that the server offers: none, for TLS is there; with no other
    identity than the ticket's. Raises MailError when the server insists on one, or offers nothing readable."""
    if len(offer) != 4:
        raise broken_off(session, Kind.OUT_OF_STEP, _("The server's offer is not what GSSAPI wants."))
    if not offer[0] & _NO_LAYER:
        text = _("The server takes GSSAPI only with a security layer of its own, which nobody uses beside TLS.")
        raise broken_off(session, Kind.MECHANISM_MISSING, text)
    return bytes([_NO_LAYER, 0, 0, 0])

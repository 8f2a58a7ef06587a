"""Server sides of the sign-in methods that the scripted SMTP server does not have itself (its `sign_in`), and a
client that signs in and leaves."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
import scramp
import spnego
import spnego.channel_bindings
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault
from mailadmin.core.settings import SmtpRoute
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.transports.smtp.session import SmtpSession
from tests.fakes.certificates import Identity
from tests.fakes.smtp_server import Connection

Handler = Callable[[Connection, str], bool]
"""Gets the connection and the initial response; answers until the end, and returns whether the session goes on."""
WELCOME, REFUSED = "235 2.7.0 Welcome", "535 5.7.8 Error: authentication failed"


def b64(data: str | bytes) -> str:
    return base64.b64encode(data.encode() if isinstance(data, str) else data).decode()


def unb64(line: str) -> str:
    return base64.b64decode(line).decode()


def fingerprint(identity: Identity) -> bytes:
    return x509.load_pem_x509_certificate(identity.certificate.encode()).fingerprint(hashes.SHA256())


def end(connection: Connection, *, fine: bool) -> bool:
    connection.say(WELCOME if fine else REFUSED)
    return True


def scram(method: str, *, tell: bool = False, end_point_of: Identity | None = None) -> Handler:
    """SCRAM for the server's users, bound to the connection with a -PLUS method (to the certificate of
    `end_point_of` if given). With `tell` errors are told before the refusal, as RFC 5802 has it."""

    def secret_of(user: str) -> object:
        password = known.get(user)
        return scramp.ScramMechanism(method).make_auth_info(password) if password is not None else None

    known: dict[str, str] = {}

    def act(connection: Connection, initial: str) -> bool:
        known.update(connection.server.users)
        server = scramp.ScramMechanism(method).make_server(secret_of, _bound(connection, method, end_point_of))
        try:
            server.set_client_first(unb64(initial or connection.ask("")))
            server.set_client_final(unb64(connection.ask(b64(server.get_server_first()))))
        except scramp.ScramException as error:
            if tell and error.server_error:
                connection.ask(b64(f"e={error.server_error.value}"))
            return end(connection, fine=False)
        return end(connection, fine=connection.ask(b64(server.get_server_final())) == "")

    return act


def _bound(connection: Connection, method: str, end_point_of: Identity | None) -> tuple[str, bytes] | None:
    if end_point_of:
        return "tls-server-end-point", fingerprint(end_point_of)
    data = connection.sock.get_channel_binding("tls-unique") if method.endswith("-PLUS") else None  # type: ignore[attr-defined] # a TLS socket then
    return ("tls-unique", data) if data else None


def says(*challenges: bytes, finally_: str = REFUSED) -> Handler:
    """Say these challenges, whatever the client answers, and `finally_` at the end."""

    def act(connection: Connection, initial: str) -> bool:
        for challenge in challenges:
            connection.ask(b64(challenge))
        connection.say(finally_)
        return True

    return act


def ntlm(invitation: str = "ntlm supported", *, end_point_of: Identity | None = None) -> Handler:
    """NTLM for the users in the file that the environment variable NTLM_USER_FILE names (pyspnego's own rule), with
    "Extended Protection" for the certificate of `end_point_of` if given."""
    bound = end_point_of and spnego.channel_bindings.GssChannelBindings(
        application_data=b"tls-server-end-point:" + fingerprint(end_point_of)
    )

    def act(connection: Connection, initial: str) -> bool:
        context = spnego.server(
            protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm, channel_bindings=bound or None
        )
        try:
            challenge = context.step(base64.b64decode(initial or connection.ask(invitation)))
            context.step(base64.b64decode(connection.ask(b64(challenge or b""))))
        except spnego.exceptions.SpnegoError:
            return end(connection, fine=False)
        return end(connection, fine=context.complete)

    return act


def oauthbearer(connection: Connection, initial: str) -> bool:
    """OAUTHBEARER (RFC 7628) for the server's tokens: a refusal is told as JSON and waits for ^A."""
    head, host, port, auth, *rest = unb64(initial).split("\x01")
    user = head.removeprefix("n,a=").removesuffix(",").replace("=2C", ",").replace("=3D", "=")
    fine = (
        connection.server.tokens.get(user) == auth.removeprefix("auth=Bearer ")
        and (host, port) == ("host=localhost", f"port={connection.server.port}")
        and rest == ["", ""]
    )
    if not fine:
        acknowledged = connection.ask(b64(json.dumps({"status": "invalid_token", "scope": "smtp"})))
        connection.say(REFUSED if acknowledged == b64("\x01") else "501 5.5.2 Bad acknowledgement")
        return True
    return end(connection, fine=True)


def external(*identities: str) -> Handler:
    """EXTERNAL for these identities; the handshake proved one of them."""

    def act(connection: Connection, initial: str) -> bool:
        return end(connection, fine=(unb64(initial) if initial != "=" else "") in identities)

    return act


@dataclass
class Sealed:
    data: bytes


@dataclass
class TicketContext:
    """A Kerberos context that knows its lines: tokens by turns, wrapped data in brackets. What is an exception in
    `replies` is raised."""

    replies: list[bytes | Exception | None] = field(default_factory=lambda: [b"client-1", b"client-2"])
    seen: list[bytes | None] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        return not self.replies

    def step(self, in_token: bytes | None = None) -> bytes | None:
        self.seen.append(in_token)
        reply = self.replies.pop(0)
        if isinstance(reply, Exception):
            raise reply
        return reply

    def wrap(self, data: bytes, encrypt: bool = True) -> Sealed:
        return Sealed(b"{" + data + b"}" if encrypt else b"[" + data + b"]")

    def unwrap(self, data: bytes) -> Sealed:
        if not (data.startswith(b"[") and data.endswith(b"]")):
            raise ValueError("A token had an invalid signature")
        return Sealed(data[1:-1])


def gssapi(offer: bytes = b"[\x07\x00\x10\x00]") -> Handler:
    """The server of `TicketContext`, which offers `offer` as its security layers."""

    def act(connection: Connection, initial: str) -> bool:
        assert not initial
        fine = connection.ask("") == b64("client-1")
        fine &= connection.ask(b64("server-1")) == b64("client-2")
        return end(connection, fine=fine & (connection.ask(b64(offer)) == b64(b"[\x01\x00\x00\x00]")))

    return act


def signed_in(route: SmtpRoute) -> SmtpSession:
    """Walk a session of `route` to its sign-in, say goodbye, and return it."""
    session = SmtpSession(route, NetworkPolicy())
    session.start()
    session.quit()
    return session


def fault_of(route: SmtpRoute) -> Fault:
    """Return the failure of a sign-in that must fail."""
    with pytest.raises(MailError) as caught:
        signed_in(route)
    return caught.value.fault

"""One SMTP session, phase by phase: sending walks it without a stop, a test looks at each phase.

Every failure is a MailError that names its phase. RFC 5321 (SMTP), 3207 (STARTTLS), 8314 (TLS from the
start); what to do with which failure is not decided here but in the knowledge base.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from mailadmin.core import limits
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Fault, Kind, Phase
from mailadmin.core.secret import Secret
from mailadmin.core.settings import Security, SmtpAuth, SmtpRoute
from mailadmin.net import dialler, tls
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.transports.base import Mail

from . import auth, data, payload, second_look
from .dialogue import Dialogue
from .reply import Reply
from .wire import SERVICE_CLOSING, Wire, WireError

_READY = 220


class SmtpSession:
    """A session with the server of `route`. Its phases in their order: `resolve`, `connect`, `greet`,
    `secure` (before `greet` when TLS is spoken from the start), `sign_in`; for each message `mail`, `rcpt`
    for each recipient, then `data`, or `reset` instead; `quit` at the end."""

    def __init__(self, route: SmtpRoute, policy: NetworkPolicy) -> None:
        self.route = route
        self.policy = policy
        self.host = route.host
        self.port = route.effective_port
        self.dialogue = Dialogue()
        self.wire = Wire(self.dialogue)
        self.addresses: tuple[str, ...] = ()
        self.refused_certificate: tls.Certificate | None = None
        self.mechanism = ""  # how we signed in
        self.start_clock()

    # -- state --------------------------------------------------------------------------------------

    @property
    def open(self) -> bool:
        """Tell whether the connection stands, as far as we know."""
        return self.wire.sock is not None

    @property
    def features(self) -> dict[str, str]:
        """Return what EHLO offered: names in lower case, with their parameters."""
        return self.wire.esmtp_features

    @property
    def exposed(self) -> bool:
        """Tell whether somebody on the way could read along: no encryption, and not to this very machine."""
        return not (self.wire.encrypted or self.wire.to_loopback)

    @property
    def connect_seconds(self) -> float:
        """Return the time for opening a connection, or what the message's total leaves of it."""
        return min(self.route.timeouts.connect, self.wire.seconds_left)

    def start_clock(self) -> None:
        """Give the next message its whole time anew."""
        self.wire.allow_total(self.route.timeouts.message)

    def certificate(self) -> tls.Certificate | None:
        """Return the certificate of the connection, or the one that was refused; None without TLS."""
        sock = self.wire.sock
        return tls.certificate(sock) if isinstance(sock, ssl.SSLSocket) else self.refused_certificate

    # -- the way in -----------------------------------------------------------------------------------

    def start(self) -> None:
        """Walk from the name to the sign-in. Raises MailError; the connection is closed then."""
        try:
            self.resolve()
            self.connect()
            if self.route.security is Security.TLS:
                self.secure()
                self.greet()
            else:
                self.greet()
                self.secure()
            self.sign_in()
        except BaseException:
            self.close()
            raise

    def resolve(self) -> tuple[str, ...]:
        """Find and check the addresses of the host."""
        seconds = min(limits.DNS_SECONDS, self.connect_seconds)
        self.addresses = dialler.resolve(self.host, self.port, self.policy, seconds)
        return self.addresses

    def connect(self) -> None:
        """Dial the addresses that `resolve` found."""
        self.wire.attach(dialler.connect(self.addresses, self.port, self.connect_seconds, self.host))

    def greet(self) -> None:
        """Read the greeting and say EHLO."""
        self.wire.allow(self.route.timeouts.command)
        try:
            reply = self.wire.read_reply()
        except WireError as error:
            raise self._no_greeting(error) from None
        if reply.code != _READY:
            raise self.refusal(Phase.GREETING, reply)
        self._hello()

    def secure(self) -> None:
        """Encrypt as the connection's security says: never a silent fall to clear text."""
        security = self.route.security
        if security is Security.TLS:
            self._handshake()
        elif security is not Security.NONE and "starttls" in self.features:
            self.ask_for_tls()
            self._handshake()
            self._hello()
        elif security is Security.STARTTLS:
            raise self.fault(Phase.TLS, Kind.STARTTLS_MISSING, "The server does not offer STARTTLS.")

    def ask_for_tls(self) -> None:
        """Say STARTTLS; the handshake is to follow at once."""
        with self.phase(Phase.TLS):
            self.wire.allow(self.route.timeouts.command)
            reply = self.wire.command("STARTTLS")
        if reply.code != _READY:
            raise self.fault(Phase.TLS, Kind.STARTTLS_REFUSED, reply=reply)

    def sign_in(self) -> None:
        """Sign in as the connection says, if it says so."""
        if self.route.auth is not SmtpAuth.NONE:
            self.mechanism = auth.sign_in(self)

    # -- a message ------------------------------------------------------------------------------------

    def mail(self, mail: Mail) -> None:
        """Open a transaction: MAIL FROM with the parameters that the message needs."""
        parameters = payload.mail_parameters(mail, self.features)
        self.wire.command_encoding = "utf-8" if mail.needs_utf8 else "ascii"
        sender = payload.path(mail.sender, mail.needs_utf8) if mail.sender else "<>"
        self.ask(Phase.SENDER, f"MAIL FROM:{sender}{parameters}")

    def rcpt(self, recipient: str) -> None:
        """Name one recipient. A refusal is a MailError that carries the address; when the whole session is
        over, the error carries none."""
        path = payload.path(recipient, self.wire.command_encoding == "utf-8")
        self.ask(Phase.RECIPIENT, f"RCPT TO:{path}", recipient=recipient)

    def data(self, content: bytes) -> Reply:
        """Send the content and return the server's acceptance; see `data.send`."""
        return data.send(self, content)

    def reset(self) -> None:
        """Give up the transaction."""
        self.ask(Phase.SENDER, "RSET")

    def quit(self) -> None:
        """Say goodbye and close. Never raises, never waits long."""
        self.wire.quit_within(limits.QUIT_SECONDS)

    def close(self) -> None:
        """Close at once. Never raises."""
        self.wire.close()

    # -- commands and errors --------------------------------------------------------------------------

    def ask(self, phase: Phase, line: str | Secret, *, shown: str = "", recipient: str = "") -> Reply:
        """Send a command within the command time and return its reply, 2xx or 3xx; `shown` as in
        `Wire.command`. Raises MailError for a refusal."""
        with self.phase(phase):
            self.wire.allow(self.route.timeouts.command)
            reply = self.wire.command(line, shown)
        if reply.negative:
            raise self.refusal(phase, reply, recipient)
        return reply

    @contextmanager
    def phase(self, phase: Phase) -> Iterator[None]:
        """Turn what happens to the line into a MailError of this phase."""
        try:
            yield
        except WireError as error:
            error.__traceback__ = None  # its frames may have been sending a secret
            if error.reply:
                raise self.refusal(phase, error.reply) from None
            raise self.fault(phase, error.kind, error.text) from None

    def refusal(self, phase: Phase, reply: Reply, recipient: str = "") -> MailError:
        """Return the error for a reply that is not what was hoped for. 421 ends the session, so that it
        concerns no recipient; so does a reply that fits nothing."""
        if reply.code == SERVICE_CLOSING or not reply.negative:
            self.close()
            recipient = ""
        kind = Kind.REPLY if reply.negative else Kind.OUT_OF_STEP
        return self.fault(phase, kind, reply=reply, recipient=recipient)

    def fault(
        self, phase: Phase, kind: Kind, text: str = "", *, reply: Reply | None = None, recipient: str = ""
    ) -> MailError:
        """Return the error for a failure of this session, with the server's cleaned words if it said any."""
        fault = Fault(phase, kind, text, host=self.host, port=self.port, recipient=recipient)
        if reply:
            text = f"{reply.code} {self.dialogue.clean(reply.text)}".rstrip()
            fault = replace(fault, smtp_code=reply.code, enhanced=reply.enhanced, text=text)
        return MailError(fault)

    # -- the parts of the phases ------------------------------------------------------------------------

    def _no_greeting(self, error: WireError) -> MailError:
        """Return what a missing or foreign greeting means. What the peer said is not shown: a service that
        does not speak SMTP could be anything inside the network."""
        kind, text = error.kind, error.text
        tls_port = self.port == limits.SMTP_PORT_TLS and self.route.security is not Security.TLS
        if kind is Kind.OUT_OF_STEP:
            kind, text = Kind.NOT_SMTP, ""
        elif kind is Kind.TIMEOUT and error.silent and tls_port:
            kind, text = Kind.TLS_EXPECTED, "The server is silent, as a port for TLS from the start is."
        return self.fault(Phase.GREETING, kind, text)

    def _hello(self) -> None:
        """Say EHLO; HELO only to a server that we want neither TLS nor a sign-in of."""
        with self.phase(Phase.GREETING):
            self.wire.allow(self.route.timeouts.command)
            self.wire.ehlo()
            plain_will_do = self.route.auth is SmtpAuth.NONE and (
                self.route.security in (Security.NONE, Security.STARTTLS_IF_OFFERED)
            )
            if self.wire.last.code >= 500 and plain_will_do:
                self.wire.allow(self.route.timeouts.command)
                self.wire.command(f"HELO {self.wire.local_hostname}")
        if not self.wire.last.positive:
            raise self.refusal(Phase.GREETING, self.wire.last)

    def _handshake(self) -> None:
        sock = self.wire.detach()
        try:
            secured = tls.secure(sock, self.host, self.route.tls, self.connect_seconds, self.port)
        except MailError as error:
            if error.fault.kind not in tls.CERTIFICATE_KINDS:
                raise
            self.refused_certificate = second_look.refused_certificate(self)
            raise second_look.with_facts(error, self.refused_certificate) from None
        self.wire.attach(secured)
        self.dialogue.remark(f"encrypted with {secured.version()}")

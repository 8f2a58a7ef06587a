"""One SMTP session, phase by phase: sending walks it without a stop, a test looks at each phase.

Every failure is a MailError that names its phase. RFC 5321 (SMTP), 3207 (STARTTLS), 8314 (TLS from the
start); what to do with which failure is not decided here but in the knowledge base.
"""

from __future__ import annotations

import ssl
import time
from dataclasses import replace

from mailadmin.core import limits
from mailadmin.core.errors import MailError
from mailadmin.core.fault import Kind, Phase
from mailadmin.core.settings import Security, SmtpAuth, SmtpRoute
from mailadmin.core.texts import _
from mailadmin.net import dialler, proxy, tls
from mailadmin.net.dialler import NetworkPolicy
from mailadmin.transports.base import Mail

from . import auth, data, payload, second_look
from .conversation import Conversation
from .reply import Reply
from .requirements import check_destination
from .wire import WireError

_READY = 220


class SmtpSession(Conversation):
    """A session with the server of `route`. Its phases in their order: `resolve`, `connect`, `greet`,
    `secure` (before `greet` when TLS is spoken from the start), `sign_in`; for each message `mail`, `rcpt`
    for each recipient, then `data`, or `reset` instead; `quit` at the end."""

    def __init__(self, route: SmtpRoute, policy: NetworkPolicy, *, keep_dialogue: bool = True) -> None:
        """Dial nothing yet. Only who shows the dialogue needs to keep it."""
        super().__init__(route, policy, keep_dialogue=keep_dialogue)
        self.addresses: tuple[str, ...] = ()
        self.refused_certificate: tls.Certificate | None = None
        self.mechanism = ""  # how we signed in
        self.left_out: dict[str, str] = {}  # methods to sign in that were left for another one, and why
        self._connect_until = 0.0  # on the monotonic clock

    def certificate(self) -> tls.Certificate | None:
        """Return the certificate of the connection with its chain, or the one that was refused; None without TLS."""
        sock = self.wire.sock
        return tls.certificate(sock, whole=True) if isinstance(sock, ssl.SSLSocket) else self.refused_certificate

    # -- the way in -----------------------------------------------------------------------------------

    def start(self) -> None:
        """Walk from the name to the sign-in. Raises MailError; the connection is closed then."""
        check_destination(self.route)
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
        """Find and check the addresses of the host; none with a proxy, which looks the name up itself."""
        if self.route.proxy is None:
            seconds = min(limits.DNS_SECONDS, self.connect_seconds)
            self.addresses = dialler.resolve(self.host, self.port, self.policy, seconds, self.route.family)
        return self.addresses

    def connect(self) -> None:
        """Dial the addresses that `resolve` found, or ask the proxy for the host."""
        if self.route.proxy:
            self.reach_proxy()
            self.open_tunnel()
        else:
            family, seconds = self.route.family, self.connect_seconds
            self.wire.attach(dialler.connect(self.addresses, self.port, seconds, self.host, family))

    def reach_proxy(self) -> None:
        """Dial the proxy of the route; the first half of `connect`."""
        if self.route.proxy:
            self._connect_until = time.monotonic() + self.connect_seconds
            proxy.judged(self.host, self.port, self.policy)
            self.wire.attach(
                proxy.reach(
                    self.route.proxy, self.host, self.port, self.policy, self.connect_seconds, self.route.family
                )
            )

    def open_tunnel(self) -> None:
        """Ask the proxy for the host, in what `reach_proxy` left of the time; the second half of `connect`."""
        if self.route.proxy:
            sock, seconds = self.wire.detach(), self._connect_until - time.monotonic()
            proxy.open_tunnel(sock, self.route.proxy, self.host, self.port, self.policy, seconds)
            self.wire.attach(sock)

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
            raise self.fault(Phase.TLS, Kind.STARTTLS_MISSING, _("The server does not offer STARTTLS."))

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
        line = payload.mail_line(self.fitted(mail), self.features, self.route.notices)
        if self.in_transaction:
            self.reset()
        self.wire.command_encoding = "utf-8" if mail.needs_utf8 else "ascii"
        self.ask(Phase.SENDER, line)
        self.in_transaction = True

    def rcpt(self, recipient: str) -> None:
        """Name one recipient. A refusal is a MailError that carries the address; when the whole session is
        over, the error carries none."""
        utf8 = self.wire.command_encoding == "utf-8"
        line = payload.rcpt_line(recipient, utf8, self.features, self.route.notices)
        self.ask(Phase.RECIPIENT, line, recipient=recipient)

    def data(self, mail: Mail) -> Reply:
        """Send the content of `mail` and return the server's acceptance; see `data.send`."""
        mail = self.fitted(mail)
        if not self.chunking:
            data.ask(self)
        return data.send(self, mail, mail.recipients, chunked=self.chunking)

    def fitted(self, mail: Mail) -> Mail:
        """Return `mail` with its content as this server can take it; see `payload.fitted`."""
        content = payload.fitted(mail.content, self.features)
        return mail if content is mail.content else replace(mail, content=content)

    def reset(self) -> None:
        """Give up the transaction. A server that refuses even that is left."""
        try:
            self.ask(Phase.SENDER, "RSET")
        except MailError:
            self.close()
            raise
        self.in_transaction = False

    def quit(self) -> None:
        """Say goodbye and close without waiting for an answer. Never raises."""
        self.say_goodbye()
        self.close()

    def say_goodbye(self) -> None:
        """Send QUIT, for somebody with time to `await_goodbye`. Never raises, never waits."""
        self.wire.say_goodbye()

    def await_goodbye(self, seconds: float) -> None:
        """Read the answer to QUIT if it comes within `seconds`, and close. Never raises."""
        self.wire.await_goodbye(seconds)

    # -- the parts of the phases ------------------------------------------------------------------------

    def _no_greeting(self, error: WireError) -> MailError:
        """Return what a missing or foreign greeting means. What the peer said is not shown: a service that
        does not speak SMTP could be anything inside the network."""
        kind, text = error.kind, error.text
        tls_port = self.port == limits.SMTP_PORT_TLS and self.route.security is not Security.TLS
        if kind is Kind.OUT_OF_STEP:
            kind, text = Kind.NOT_SMTP, ""
        elif kind is Kind.TIMEOUT and error.silent and tls_port:
            kind, text = Kind.TLS_EXPECTED, _("The server is silent, as a port for TLS from the start is.")
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
        sock, until = self.wire.detach(), time.monotonic() + self.connect_seconds
        try:
            secured = tls.secure(
                sock, self.host, self.route.tls, self.connect_seconds, self.port, client=self.route.client
            )
        except MailError as error:
            if error.fault.kind not in tls.CERTIFICATE_KINDS:
                raise
            left = max(until - time.monotonic(), limits.SECOND_LOOK_SECONDS)
            self.refused_certificate = second_look.refused_certificate(self, left)
            raise second_look.with_facts(error, self.refused_certificate) from None
        if self.route.tls.check_revocation:
            from mailadmin.net import revocation  # loads requests and cryptography, which few connections need

            self.refused_certificate = tls.certificate(
                secured, whole=True
            )  # to be told of, should it have been revoked
            revocation.check(secured, self.host, self.policy, self.route.proxy, self.connect_seconds, self.port)
        self.wire.attach(secured)
        self.dialogue.remark(_("encrypted with {tls}").format(tls=secured.version()))
